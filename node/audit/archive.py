"""The trust lists of one journal: those enclosed in the file, and which one was followed when."""

from collections.abc import Sequence
from typing import Final

from node.audit.findings import Check, Findings, Place
from node.errors import Code, Refusal
from node.model.note import VerifierKey
from node.model.statement import Answer, Query, Statement, TrustAdopted, TrustReference
from node.model.trust import TrustBundle, TrustView, resolve

OVERLAP_MAX_US: Final = 60 * 1_000_000
"""How long after a newer list was adopted a statement on its way may still name the one before."""


class Archive:
    """Follows which trust list is in force along a journal.

    Attributes:
        in_force: the list adopted last, None before the first.
    """

    def __init__(self, origin: str, roots: Sequence[VerifierKey], findings: Findings) -> None:
        """Begin without any list; `roots` are the federations whose lists count."""
        self._origin = origin
        self._roots = roots
        self._findings = findings
        self._enclosed: dict[TrustReference, TrustView] = {}
        self._versions: dict[int, bytes] = {}
        self._left_at: dict[TrustReference, int | None] = {}
        self._named: TrustReference | None = None
        self.in_force: TrustView | None = None

    def enclose(self, bundle: TrustBundle) -> None:
        """Take a trust list of the file: signed by a root, complete, one of its version."""
        place = Place(self._origin)
        try:
            view = self._resolve(bundle)
        except Refusal as refusal:
            self._findings.failed(Check.TRUST_LIST, place, refusal.reason)
            return
        reference = view.reference
        faults = []
        # What resolve accepts may lack files; an agreement left out would turn a confirmation
        # into a refusal and still recompute.
        named = sum(line.startswith(b"file ") for line in bundle.note.split(b"\n"))
        if named != len(bundle.files):
            faults.append(
                f"version {reference.version} names {named} files, enclosed are {len(bundle.files)}"
            )
        if self._versions.setdefault(reference.version, reference.digest) != reference.digest:
            faults.append(f"there are two different trust lists of version {reference.version}")
        self._findings.judge(Check.TRUST_LIST, place, faults)
        self._enclosed[reference] = view

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
            return self._enclosed.get(named)
        else:
            left_at = self._left_at[named]
            found = self._enclosed.get(named)
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
        if isinstance(statement.body, Query | Answer) and statement.said_at >= view.expires_at:
            self._findings.failed(
                Check.TRUST_REFERENCE,
                place,
                f"was said after trust list version {named.version} had expired",
            )
        else:
            self._findings.passed(Check.TRUST_REFERENCE)
        return view

    def _adopt(
        self, place: Place, statement: Statement, adopted: TrustReference
    ) -> TrustView | None:
        view = self._enclosed.get(adopted)
        faults = []
        if statement.trust not in {adopted, self._named}:
            faults.append("adopts one trust list while naming another that is not in force")
        if self._named is not None and adopted.version <= self._named.version:
            faults.append(
                f"goes from trust list version {self._named.version} back to {adopted.version}"
            )
        if view is None:
            self._findings.undetermined(
                Check.TRUST_REFERENCE,
                place,
                f"adopts trust list version {adopted.version}, which is not in the file",
            )
        if faults or view is not None:
            self._findings.judge(Check.TRUST_REFERENCE, place, faults)
        if self._named is not None:
            self._left_at[self._named] = statement.said_at
        self._left_at[adopted] = None
        self._named, self.in_force = adopted, view
        return view

    def _resolve(self, bundle: TrustBundle) -> TrustView:
        refused = Refusal(Code.UNAUTHENTICATED, "there is no federation root to check with")
        for root in self._roots:
            try:
                return resolve(bundle, root)
            except Refusal as refusal:
                refused = refusal
        raise refused
