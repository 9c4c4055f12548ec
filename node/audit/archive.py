"""The trust lists of one journal: those enclosed in the file, and which one was followed when."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from node.audit.findings import Check, Findings, Place
from node.audit.parts import Adoption
from node.errors import Code, Refusal
from node.model.statement import Answer, Query, Statement, TrustAdopted, TrustReference
from node.model.trust import TrustBundle, TrustView, resolve
from node.wire.export import Header

OVERLAP_MAX_US: Final = 60 * 1_000_000
"""How long after a newer list was adopted a statement on its way may still name the one before."""

_VIEWS_MAX: Final = 6


class Enclosed(Struct, frozen=True):
    """A list of the file that holds, the root that it follows from, its newest root's version."""

    bundle: TrustBundle
    root: bytes
    root_version: int


class Enclosures:
    """The trust lists that a file encloses, each checked once; of many only what differs is kept.

    Attributes:
        lists: those that hold.
    """

    def __init__(self, origin: str, roots: Sequence[bytes], findings: Findings) -> None:
        """Begin without any list; `roots` are the trusted roots of the federations that count."""
        self._origin = origin
        self._roots = roots
        self._findings = findings
        self._contents: dict[bytes, bytes] = {}
        self._versions: dict[tuple[int, int], bytes] = {}
        self.lists: dict[TrustReference, Enclosed] = {}

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
        faults += [f"{name} is not in version {reference.version}" for name in view.strays]
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
        self.lists[reference] = Enclosed(kept, root, view.root_version)

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


class Views:
    """The enclosed lists of all journals as they are looked up in; the last few are kept."""

    def __init__(self, journals: Sequence[Mapping[TrustReference, Enclosed]]) -> None:
        """Take the lists that each journal encloses."""
        self._journals = journals
        self._views: dict[tuple[int, TrustReference, int], TrustView] = {}

    def view(self, journal: int, reference: TrustReference, at: int) -> TrustView | None:
        """Resolve a list that a journal encloses as of a time; None where it encloses no such."""
        enclosed = self._journals[journal].get(reference)
        if enclosed is None:
            return None
        key = journal, reference, at
        view = self._views.pop(key, None)
        if view is None:
            try:
                view = resolve(enclosed.bundle, enclosed.root, at, whole=True)
            except Refusal:  # it had expired, which is found where it was adopted or used
                view = resolve(enclosed.bundle, enclosed.root, 0, whole=True)
        self._views[key] = view  # the newest stands last
        while len(self._views) > _VIEWS_MAX:
            del self._views[next(iter(self._views))]
        return view

    def root_version(self, journal: int, reference: TrustReference) -> int | None:
        """Return the version of the newest root of an enclosed list."""
        enclosed = self._journals[journal].get(reference)
        return None if enclosed is None else enclosed.root_version


class Archive:
    """Follows which trust list is in force along a journal.

    A list counts as it did when the node adopted it: each is resolved as of then.

    Attributes:
        in_force: the list adopted last, None before the first.
    """

    def __init__(
        self,
        journal: int,
        header: Header,
        views: Views,
        adoptions: Iterable[Adoption],
        findings: Findings,
    ) -> None:
        """Begin where some lists have been adopted already."""
        self._journal = journal
        self._node = header.node
        self._origin = header.origin
        self._views = views
        self._findings = findings
        self._adopted_at: dict[TrustReference, int] = {}
        self._left_at: dict[TrustReference, int | None] = {}
        self._named: TrustReference | None = None
        last: TrustReference | None = None
        for adoption in adoptions:
            self._take(adoption)
            last = adoption.adopted
        self.in_force = None if last is None else self._view(last)

    def at(self, time: int) -> TrustView | None:
        """Return the list in force at a time; None before the first, or where it is not here."""
        found = None
        for reference, adopted_at in self._adopted_at.items():
            if adopted_at <= time:
                found = reference
        return None if found is None else self._view(found)

    def named(self, statement: Statement) -> TrustView | None:
        """Return the trust list that a statement names or adopts, without checking it."""
        body = statement.body
        return self._view(body.trust if isinstance(body, TrustAdopted) else statement.trust)

    def follow(self, index: int, statement: Statement) -> TrustView | None:
        """Check the trust list that a statement names and return it; None where it is not here."""
        place = Place(self._origin, index)
        if isinstance(statement.body, TrustAdopted):
            return self._adopt(place, Adoption.of(statement, statement.body.trust))
        named = statement.trust
        if named == self._named and self.in_force is not None:
            view = self.in_force
        elif named not in self._left_at:
            self._findings.failed(
                Check.TRUST_REFERENCE,
                place,
                f"names trust list version {named.version}, which the journal had not adopted",
            )
            return self._view(named)
        else:
            left_at = self._left_at[named]
            found = self._view(named)
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

    def _adopt(self, place: Place, adoption: Adoption) -> TrustView | None:
        adopted, last = adoption.adopted, self._named
        faults = []
        if adoption.named not in {adopted, last}:
            faults.append("adopts one trust list while naming another that is not in force")
        if last is not None and self._goes_back(last, adopted):
            faults.append(f"goes from trust list version {last.version} back to {adopted.version}")
        self._take(adoption)
        view = self.in_force = self._view(adopted)
        if view is None:
            self._findings.undetermined(
                Check.TRUST_REFERENCE,
                place,
                f"adopts trust list version {adopted.version}, which is not in the file",
            )
        else:
            if adoption.said_at >= view.expires_at:
                faults.append(f"adopts trust list version {adopted.version}, which had expired")
            self._findings.judge(Check.OWNER, place, self._owner_faults(view))
        if faults or view is not None:
            self._findings.judge(Check.TRUST_REFERENCE, place, faults)
        return view

    def _take(self, adoption: Adoption) -> None:
        self._adopted_at.setdefault(adoption.adopted, adoption.said_at)
        if self._named is not None:
            self._left_at[self._named] = adoption.said_at
        self._left_at[adoption.adopted] = None
        self._named = adoption.adopted

    def _goes_back(self, last: TrustReference, adopted: TrustReference) -> bool:
        """Tell whether a version is not higher than the last, with no newer root to allow it."""
        if adopted.version > last.version:
            return False
        before, after = (self._views.root_version(self._journal, one) for one in (last, adopted))
        return before is None or after is None or after <= before

    def _owner_faults(self, view: TrustView) -> list[str]:
        owner = view.nodes.get(self._node)
        named = f"trust list version {view.reference.version}"
        if owner is None:
            return [f"{named} does not know {self._node}"]
        if owner.origin != self._origin:
            return [f"{named} gives {self._node} the journal {owner.origin}"]
        return []

    def _view(self, reference: TrustReference) -> TrustView | None:
        """Resolve an enclosed list as of when it was adopted; all of it where it never was."""
        at = self._adopted_at.get(reference, 0)
        return self._views.view(self._journal, reference, at)


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
