"""The trust lists of one journal: those enclosed in the file, and which one was followed when."""

import hashlib
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from node.audit.findings import Check, Findings, Place
from node.errors import Code, Refusal
from node.model.statement import Answer, Query, Statement, TrustAdopted, TrustReference
from node.model.trust import TrustBundle, TrustView, resolve

OVERLAP_MAX_US: Final = 60 * 1_000_000
"""How long after a newer list was adopted a statement on its way may still name the one before."""

_VIEWS_MAX: Final = 3


class _Enclosed(Struct, frozen=True):
    """A list of the file that holds, the root that it follows from, its newest root's version."""

    bundle: TrustBundle
    root: bytes
    root_version: int


class Archive:
    """Follows which trust list is in force along a journal.

    A list counts as it did when the node adopted it: each is resolved as of then. Of many lists
    only what differs is kept, and of those resolved the last few.

    Attributes:
        in_force: the list adopted last, None before the first.
    """

    def __init__(self, origin: str, roots: Sequence[bytes], findings: Findings) -> None:
        """Begin without any list; `roots` are the trusted roots of the federations that count."""
        self._origin = origin
        self._roots = roots
        self._findings = findings
        self._contents: dict[bytes, bytes] = {}
        self._enclosed: dict[TrustReference, _Enclosed] = {}
        self._versions: dict[tuple[int, int], bytes] = {}
        self._adopted_at: dict[TrustReference, int] = {}
        self._left_at: dict[TrustReference, int | None] = {}
        self._views: dict[TrustReference, TrustView] = {}
        self._named: TrustReference | None = None
        self.in_force: TrustView | None = None

    def enclose(self, bundle: TrustBundle) -> None:
        """Take a trust list of the file: it follows from a root, is complete, one of its version.

        What a country's role gets wrong is the country's fault and shows the same to everybody.
        What is not in the file may have been left out to make a refusal recompute.
        """
        place = Place(self._origin)
        try:
            view, root = self._resolve(bundle)
        except Refusal as refusal:
            self._findings.failed(Check.TRUST_LIST, place, refusal.reason)
            return
        reference = view.reference
        faults = []
        version = (view.root_version, reference.version)
        if self._versions.setdefault(version, reference.digest) != reference.digest:
            faults.append(f"there are two different trust lists of version {reference.version}")
        faults += [
            f"{name} in version {reference.version} is not what the list names"
            for name in view.missing
            if name in bundle.metadata or name in bundle.files
        ]
        if faults or not view.missing:
            self._findings.judge(Check.TRUST_LIST, place, faults)
        else:
            self._findings.undetermined(
                Check.TRUST_LIST,
                place,
                f"version {reference.version} lacks {len(view.missing)} of what it names, "
                f"{view.missing[0]} for one",
            )
        kept = TrustBundle(self._shared(bundle.metadata), self._shared(bundle.files))
        self._enclosed[reference] = _Enclosed(kept, root, view.root_version)

    def follow(self, index: int, statement: Statement) -> TrustView | None:
        """Check the trust list that a statement names and return it; None where it is not here."""
        place = Place(self._origin, index)
        if isinstance(statement.body, TrustAdopted):
            return self._adopt(place, statement, statement.body.trust)
        named = statement.trust
        if named == self._named and self.in_force is not None:
            view = self.in_force
        elif named not in self._left_at:
            self._findings.failed(
                Check.TRUST_REFERENCE,
                place,
                f"names trust list version {named.version}, which the journal had not adopted",
            )
            return self._view(named, statement.said_at)
        else:
            left_at = self._left_at[named]
            found = self._view(named, statement.said_at)
            if found is None:
                self._findings.undetermined(
                    Check.TRUST_REFERENCE,
                    place,
                    f"trust list version {named.version} is not in the file",
                )
                return None
            if left_at is not None and statement.said_at > left_at + OVERLAP_MAX_US:
                self._findings.failed(
                    Check.TRUST_REFERENCE,
                    place,
                    f"names trust list version {named.version}, no longer the one in force",
                )
                return found
            view = found
        self._findings.judge(Check.TRUST_REFERENCE, place, _expiry_faults(view, statement))
        return view

    def _adopt(
        self, place: Place, statement: Statement, adopted: TrustReference
    ) -> TrustView | None:
        self._adopted_at.setdefault(adopted, statement.said_at)
        view = self._view(adopted, statement.said_at)
        faults = []
        if statement.trust not in {adopted, self._named}:
            faults.append("adopts one trust list while naming another that is not in force")
        if self._named is not None and self._goes_back(self._named, adopted):
            faults.append(
                f"goes from trust list version {self._named.version} back to {adopted.version}"
            )
        if view is None:
            self._findings.undetermined(
                Check.TRUST_REFERENCE,
                place,
                f"adopts trust list version {adopted.version}, which is not in the file",
            )
        elif statement.said_at >= view.expires_at:
            faults.append(f"adopts trust list version {adopted.version}, which had expired")
        if faults or view is not None:
            self._findings.judge(Check.TRUST_REFERENCE, place, faults)
        if self._named is not None:
            self._left_at[self._named] = statement.said_at
        self._left_at[adopted] = None
        self._named, self.in_force = adopted, view
        return view

    def _goes_back(self, last: TrustReference, adopted: TrustReference) -> bool:
        """Tell whether a version is not higher than the last, with no newer root to allow it."""
        if adopted.version > last.version:
            return False
        before, after = self._enclosed.get(last), self._enclosed.get(adopted)
        return before is None or after is None or after.root_version <= before.root_version

    def _view(self, reference: TrustReference, at: int) -> TrustView | None:
        """Resolve an enclosed list as of when it was adopted, or of a time where it was not."""
        enclosed = self._enclosed.get(reference)
        if enclosed is None:
            return None
        view = self._views.pop(reference, None)
        if view is None:
            at = self._adopted_at.get(reference, at)
            try:
                view = resolve(enclosed.bundle, enclosed.root, at, whole=True)
            except Refusal:  # it had expired, which is found where it was adopted or used
                view = resolve(enclosed.bundle, enclosed.root, 0, whole=True)
        self._views[reference] = view  # the newest stands last
        while len(self._views) > _VIEWS_MAX:
            del self._views[next(iter(self._views))]
        return view

    def _resolve(self, bundle: TrustBundle) -> tuple[TrustView, bytes]:
        """Resolve a list whether or not it has expired, under the first root that it follows."""
        refused = Refusal(Code.UNAUTHENTICATED, "there is no federation root to check with")
        for root in self._roots:
            try:
                return resolve(bundle, root, 0, whole=True), root
            except Refusal as refusal:
                refused = refusal
        raise refused

    def _shared(self, contents: dict[str, bytes]) -> dict[str, bytes]:
        """Keep what several lists have in common once."""
        return {
            name: self._contents.setdefault(hashlib.sha256(content).digest(), content)
            for name, content in contents.items()
        }


def _expiry_faults(view: TrustView, statement: Statement) -> list[str]:
    """Say where a query or answer was said under what had expired."""
    if not isinstance(statement.body, Query | Answer):
        return []
    if statement.said_at >= view.expires_at:
        version = view.reference.version
        return [f"was said after trust list version {version} had expired"]
    speaker = view.nodes.get(statement.speaker)
    if speaker is not None and statement.said_at >= speaker.expires_at:
        return [f"was said after what the trust list says of {speaker.id} had expired"]
    return []
