"""The view of one resolved trust list, and everything that is looked up in it."""

from typing import Final

from msgspec import Struct

from node.errors import Code, Refusal
from node.model.credential import AwardType
from node.model.issuers import Accreditation, Framework, Issuer, IssuerBook
from node.model.note import KeyKind, OpenedCheckpoint, open_checkpoint, split_note
from node.model.recognition.form import RecognitionPart
from node.model.statement import AgreementReference, Purpose, TrustReference
from node.model.trust_entries import Agreement, Member, Node, OneSided, holds
from node.model.trust_metadata import RoleState

_COSIGNED_AS: Final = {
    KeyKind.ED25519: KeyKind.COSIGNATURE_ED25519,
    KeyKind.MLDSA44: KeyKind.MLDSA44,
}


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
        books: the issuers of each country by word; a country that lists none is not there.
        frameworks: by country.
        seals_required: the kinds of signature that a checkpoint must carry.
        faults: why countries are left out, a sentence each.
        missing: what the list names and the bundle has not, or not as it is listed: metadata and
            files.
        strays: what the bundle has and the list does not name.
        recognitions: what agreements say of recognition, by their parties, id and version.
        witnesses_required: how many other members must have cosigned what a receipt stands on.
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
    strays: tuple[str, ...]
    witnesses_required: int = 0
    books: dict[str, IssuerBook] = {}
    recognitions: dict[tuple[frozenset[str], str, int], RecognitionPart] = {}

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

    def recognition_of(self, agreement: Agreement) -> RecognitionPart | None:
        """Return what an agreement says of recognition, if it says anything."""
        return self.recognitions.get((agreement.parties, agreement.id, agreement.version))

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

    def cosigners(self, owner: Node, note: bytes) -> frozenset[str]:
        """Return the other members that have cosigned a checkpoint of a node's, by node id.

        One counts with a line of every kind in `seals_required`, each by a key that the list
        counts at the time in the line, while it was a member that was not suspended.

        Raises:
            Refusal: UNAUTHENTICATED where a line of a listed key fails, MALFORMED where the note
                is no checkpoint.
        """
        named = {(name, key_id) for name, key_id, _ in split_note(note)[1]}
        listed = {
            key.verifier: (node, key)
            for node in self.nodes.values()
            if node.id != owner.id
            for key in node.witness_keys
            if (key.verifier.name, key.verifier.key_id) in named
        }
        if not listed:
            return frozenset()
        opened = open_checkpoint(note, owner.origin, tuple(listed))
        kinds: dict[str, set[KeyKind]] = {}
        for verifier, timestamp_s in zip(opened.signed_by, opened.timestamps_s, strict=True):
            node, key = listed[verifier]
            at = (timestamp_s or 0) * 1_000_000
            if holds(key.valid_from, key.valid_until, at) and self._is_member(node, at):
                kinds.setdefault(node.id, set()).add(verifier.kind)
        required = {_COSIGNED_AS[kind] for kind in self.seals_required}
        return frozenset(node for node, signed in kinds.items() if required <= signed)

    def _is_member(self, node: Node, at: int) -> bool:
        member = self.members.get(node.country)
        return member is None or holds(member.since, member.suspended_since, at)

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
