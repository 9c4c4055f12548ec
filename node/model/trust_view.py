"""The view of one resolved trust list, and everything that is looked up in it."""

from msgspec import Struct

from node.errors import Code, Refusal
from node.model.credential import AwardType
from node.model.note import KeyKind, OpenedCheckpoint, open_checkpoint
from node.model.statement import AgreementReference, Purpose, TrustReference
from node.model.trust_entries import (
    Accreditation,
    Agreement,
    Framework,
    Issuer,
    Member,
    Node,
    OneSided,
    holds,
)
from node.model.trust_metadata import RoleState


class TrustView(Struct, frozen=True):
    """One resolved trust list: immutable, indexed, look-ups cost nothing.

    Attributes:
        reference: version and digest of the snapshot, as every statement names them.
        expires_at: microseconds UTC, the first of root, targets and snapshot; past it, nothing
            new is asked or answered.
        root_version: of the newest root.
        roles: version and expiry of every role whose metadata hold, by role name.
        name: of the federation; empty where the bundle lacks its file.
        members: by country; empty where the bundle lacks the file that names them.
        nodes: by node id.
        node_by_pin: node id by SHA-256 of the certificate's SubjectPublicKeyInfo.
        agreements: by the pair of node ids.
        one_sided: agreements that not all their parties list.
        issuers: by country and issuer id.
        frameworks: by country.
        seals_required: the kinds of signature that a checkpoint must carry.
        faults: why countries are left out, a sentence each.
        missing: what the list names and the bundle has not, or not as it is listed: metadata and
            files.
    """

    reference: TrustReference
    expires_at: int
    root_version: int
    roles: dict[str, RoleState]
    name: str
    members: dict[str, Member]
    nodes: dict[str, Node]
    node_by_pin: dict[bytes, str]
    agreements: dict[frozenset[str], tuple[Agreement, ...]]
    one_sided: tuple[OneSided, ...]
    issuers: dict[tuple[str, str], Issuer]
    frameworks: dict[str, Framework]
    seals_required: frozenset[KeyKind]
    faults: tuple[str, ...]
    missing: tuple[str, ...]

    def node(self, node: str) -> Node:
        """Return a node, whether or not it may be asked or answered now.

        Raises:
            Refusal: UNKNOWN where the list has no such node.
        """
        found = self.nodes.get(node)
        if found is None:
            raise Refusal(Code.UNKNOWN, f"node {node!r} is not on the trust list")
        return found

    def member(self, node: str, now: int) -> Node:
        """Return a node that may be asked and answered now.

        Raises:
            Refusal: UNKNOWN where the list has no such node, UNTRUSTED where it is suspended or
                no member yet, STALE where its country's role has expired.
        """
        found = self.node(node)
        member = self.members.get(found.country)
        if member is not None:
            if now < member.since:
                raise Refusal(Code.UNTRUSTED, f"node {node!r} is no member of the federation yet")
            if member.suspended_since is not None and member.suspended_since <= now:
                raise Refusal(Code.UNTRUSTED, f"node {node!r} is suspended from the federation")
        if now >= found.expires_at:
            raise Refusal(
                Code.STALE,
                f"what the trust list says of node {node!r} has expired; "
                "its national authority must sign it anew",
            )
        return found

    def agreement_for(self, one: str, other: str, purpose: Purpose, now: int) -> Agreement | None:
        """Return the agreement in force between two nodes that a query should rely on, or None.

        One that covers the purpose goes before one that does not, then the newest; the id decides
        between equals, so that everybody finds the same.
        """
        in_force = self._in_force(one, other, now)
        if len(in_force) == 1:
            return in_force[0]
        return max(
            in_force,
            key=lambda agreement: (
                purpose in agreement.purposes,
                agreement.version,
                agreement.id,
            ),
            default=None,
        )

    def agreement_named(
        self, one: str, other: str, reference: AgreementReference, now: int
    ) -> Agreement | None:
        """Return the agreement that a query names, if it is in force between two nodes."""
        for agreement in self._in_force(one, other, now):
            if (agreement.id, agreement.version) == (reference.id, reference.version):
                return agreement
        return None

    def _in_force(self, one: str, other: str, now: int) -> list[Agreement]:
        return [
            agreement
            for agreement in self.agreements.get(frozenset((one, other)), ())
            if agreement.in_force(now)
        ]

    def issuer_at(self, country: str, issuer: str, at: int) -> Issuer | None:
        """Return an issuer that stands at a time: listed, neither suspended nor withdrawn."""
        found = self.issuers.get((country, issuer))
        return found if found is not None and found.stands(at) else None

    def accreditation_at(  # noqa: PLR0913 - an award is known by all of these
        self,
        country: str,
        issuer: str,
        at: int,
        *,
        isco08: str,
        level_eqf: int,
        award_type: AwardType,
    ) -> Accreditation | None:
        """Return the accreditation under which an issuer may award this at a time, or None."""
        found = self.issuers.get((country, issuer))
        if found is None:
            return None
        return found.accreditation_for(isco08, level_eqf, award_type, at)

    def open_checkpoint(self, node: Node, note: bytes, at: int) -> OpenedCheckpoint:
        """Open a checkpoint that a node signed, with its keys that count at a time.

        Raises:
            Refusal: UNAUTHENTICATED where a signature fails or a required one is missing,
                MALFORMED where the note is not one.
        """
        keys = [
            key.verifier for key in node.journal_keys if holds(key.valid_from, key.valid_until, at)
        ]
        opened = open_checkpoint(note, node.origin, keys)
        missing = self.seals_required - {key.kind for key in opened.signed_by}
        if missing:
            names = ", ".join(sorted(kind.name for kind in missing))
            raise Refusal(
                Code.UNAUTHENTICATED, f"checkpoint of {node.id} lacks a signature of kind {names}"
            )
        return opened

    def require_fresh(self, now: int) -> None:
        """Refuse once the list has expired.

        Raises:
            Refusal: STALE.
        """
        if now >= self.expires_at:
            raise Refusal(
                Code.STALE,
                f"the trust list, version {self.reference.version}, has expired; "
                "nothing is asked or answered until a newer one is there",
            )
