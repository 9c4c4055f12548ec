"""What a trust list says, as it is looked up: nodes, agreements, issuers, frameworks, members.

Each is made from a file under a role; what a file gets wrong is refused with its name.
"""

import base64
import binascii
import hashlib
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec import Struct

from node.errors import Code, Refusal
from node.model.bounds import NODE_ID, text
from node.model.cosignature import witness_name
from node.model.note import KeyKind, VerifierKey
from node.model.possession import check_journal_key, check_tls_key
from node.model.statement import AgreementReference, Purpose
from node.model.trust_files import (
    AgreementFile,
    CertificateEntry,
    JournalKeyEntry,
    MemberEntry,
    NodeFile,
)

SEAL_KINDS: Final = {"ed25519": KeyKind.ED25519, "ml-dsa-44": KeyKind.MLDSA44}
COSIGNATURE_KINDS: Final = {
    "ed25519": KeyKind.COSIGNATURE_ED25519,
    "ml-dsa-44": KeyKind.MLDSA44,
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_US: Final = 24 * 60 * 60 * 1_000_000


class JournalKey(Struct, frozen=True):
    """A journal or witness key and when it counts (microseconds UTC; None: no end)."""

    verifier: VerifierKey
    valid_from: int
    valid_until: int | None
    retired_because: str | None = None


class Certificate(Struct, frozen=True):
    """A TLS certificate that a node may present, its SPKI pin and when it counts.

    `not_after` is what the certificate says of itself, `valid_until` what the list says of it.
    """

    der: bytes
    spki_digest: bytes
    valid_from: int
    valid_until: int | None
    not_after: int


class Node(Struct, frozen=True):
    """A node as the trust list describes it.

    `expires_at` is the expiry of its country's role: past it the node is asked nothing and
    answered nothing.
    """

    id: str
    country: str
    authority: str
    endpoint: str
    origin: str
    journal_keys: tuple[JournalKey, ...]
    certificates: tuple[Certificate, ...]
    expires_at: int
    witness_keys: tuple[JournalKey, ...] = ()

    def accepts(self, pin: bytes, at: int) -> bool:
        """Tell whether the node may present the certificate with this pin at a time."""
        return any(
            entry.spki_digest == pin and holds(entry.valid_from, entry.valid_until, at)
            for entry in self.certificates
        )


class Member(Struct, frozen=True):
    """A country of the federation, since when, and since when it is suspended."""

    country: str
    since: int
    suspended_since: int | None
    reason: str


class Agreement(Struct, frozen=True):
    """An agreement in its first form: parties, dates in force, purposes covered.

    `expires_at` is when the first of its parties' roles expires: from then on nobody can tell
    whether all of them still list it.
    """

    id: str
    version: int
    parties: frozenset[str]
    in_force_from: int
    in_force_until: int | None
    purposes: frozenset[Purpose]
    expires_at: int

    @property
    def reference(self) -> AgreementReference:
        """How a query names it."""
        return AgreementReference(self.id, self.version)

    def in_force(self, at: int) -> bool:
        """Tell whether it is in force at a time."""
        return at < self.expires_at and holds(self.in_force_from, self.in_force_until, at)


class OneSided(Struct, frozen=True):
    """An agreement that some party's role does not list, or lists differently: not in force."""

    id: str
    listed_by: tuple[str, ...]
    lacking: tuple[str, ...]


# --- times ---------------------------------------------------------------------------------


def holds(since: int, until: int | None, at: int) -> bool:
    """Tell whether a time is in a span; None: no end."""
    return since <= at and (until is None or at < until)


def microseconds(moment: datetime) -> int:
    """Return a time as microseconds UTC since the epoch."""
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def day_start(day: date) -> int:
    """Return when a day begins, in UTC."""
    return microseconds(datetime(day.year, day.month, day.day, tzinfo=UTC))


def calendar_day(at: int) -> date:
    """Return the day that a time lies in, in UTC."""
    return (_EPOCH + timedelta(microseconds=at)).date()


def _until(moment: datetime | None) -> int | None:
    return None if moment is None else microseconds(moment)


def _day_start(day: date | None) -> int | None:
    return None if day is None else day_start(day)


def _day_end(day: date | None) -> int | None:
    return None if day is None else day_start(day) + _DAY_US


# --- from files ----------------------------------------------------------------------------


def spiffe_id(node: str) -> str:
    """Return the URI that a node's TLS certificate carries (SPIFFE ID)."""
    return f"spiffe://symbolon/{node}"


def tls_name(node: str) -> str:
    """Return the DNS name in a node's TLS certificate; it is never looked up."""
    return f"{node.lower()}.symbolon"


def spki_digest(certificate: x509.Certificate) -> bytes:
    """Return the pin of a certificate: SHA-256 of its SubjectPublicKeyInfo."""
    public_key = certificate.public_key()
    spki = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(spki).digest()


def make_member(entry: MemberEntry) -> Member:
    """Make a member from its entry in `federation.json`."""
    return Member(
        entry.country,
        day_start(entry.since),
        _until(entry.suspended_since),
        text(entry.reason, f"federation.json: {entry.country}: reason", 1000, empty=True),
    )


def make_node(file: NodeFile, country: str, expires_at: int) -> Node:
    """Make a node from its file; `expires_at` is the expiry of its country's role.

    Raises:
        Refusal: MALFORMED with the field, UNAUTHENTICATED where a key is not proved to be its own.
    """
    if file.node != country or NODE_ID.fullmatch(file.node) is None:
        raise Refusal(Code.MALFORMED, "node must be the id in its path, like XA")
    if file.country != country:
        raise Refusal(Code.MALFORMED, "country must be that of the role")
    require_own_origin(file.journal.origin, file.node)
    authority = text(file.authority, "authority", 200)
    endpoint = text(file.endpoint, "endpoint", 260)
    keys = tuple(
        _make_key(entry, file.node, file.journal.origin, SEAL_KINDS) for entry in file.journal.keys
    )
    witness_keys = tuple(
        _make_key(entry, file.node, witness_name(file.journal.origin), COSIGNATURE_KINDS)
        for entry in file.witness
    )
    _require_own_use(keys, witness_keys)
    certificates = tuple(_make_certificate(entry, file.node) for entry in file.tls)
    return Node(
        id=file.node,
        country=file.country,
        authority=authority,
        endpoint=endpoint,
        origin=file.journal.origin,
        journal_keys=keys,
        certificates=certificates,
        expires_at=expires_at,
        witness_keys=witness_keys,
    )


def require_own_origin(origin: str, node: str) -> None:
    """Refuse the name of a journal that another node could have: two would look like a fork.

    Raises:
        Refusal: MALFORMED where it does not begin with the node's id.
    """
    own = f"{node.lower()}."
    if not origin.startswith(own):
        raise Refusal(
            Code.MALFORMED,
            f"the journal's origin must begin with the node's id, like {own}symbolon/journal",
        )


def _require_own_use(keys: Collection[JournalKey], witness_keys: Collection[JournalKey]) -> None:
    """Refuse a witness key that signs for the journal too: each would speak for the other."""
    own = {key.verifier.public_key for key in keys}
    if any(key.verifier.public_key in own for key in witness_keys):
        raise Refusal(Code.MALFORMED, "a witness key must not be a journal key as well")


def _make_key(
    entry: JournalKeyEntry, node: str, name: str, kinds: Mapping[str, KeyKind]
) -> JournalKey:
    verifier = VerifierKey.parse(entry.verifier)
    if verifier.name != name or verifier.kind not in kinds.values():
        raise Refusal(
            Code.MALFORMED,
            "a journal key must be named by the journal's origin, a witness key by it and /witness",
        )
    if entry.retired_because is not None and entry.valid_until is None:
        raise Refusal(Code.MALFORMED, "a retired journal key needs valid_until")
    check_journal_key(node, verifier, _decode_base64(entry.possession, "possession"))
    return JournalKey(
        verifier, microseconds(entry.valid_from), _until(entry.valid_until), entry.retired_because
    )


def _make_certificate(entry: CertificateEntry, node: str) -> Certificate:
    der = _decode_base64(entry.certificate, "tls certificate")
    try:
        certificate = x509.load_der_x509_certificate(der)
        public_key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise Refusal(
            Code.MALFORMED, "tls certificate must be base64 of a DER certificate"
        ) from None
    if not isinstance(public_key, ec.EllipticCurvePublicKey) or not isinstance(
        public_key.curve, ec.SECP256R1
    ):
        raise Refusal(Code.MALFORMED, "tls certificate must hold an ECDSA P-256 key")
    if _names(certificate) != [spiffe_id(node)]:
        raise Refusal(
            Code.MALFORMED, f"tls certificate must name {spiffe_id(node)} and nobody else"
        )
    check_tls_key(node, public_key, _decode_base64(entry.possession, "possession"))
    return Certificate(
        der,
        spki_digest(certificate),
        microseconds(entry.valid_from),
        _until(entry.valid_until),
        microseconds(certificate.not_valid_after_utc),
    )


def _decode_base64(value: str, name: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise Refusal(Code.MALFORMED, f"{name} must be base64") from None


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return []
    return names.get_values_for_type(x509.UniformResourceIdentifier)


def make_agreement(file: AgreementFile, expires_at: int) -> Agreement:
    """Make an agreement that all its parties list; `expires_at` as in `Agreement`."""
    return Agreement(
        id=file.id,
        version=file.version,
        parties=frozenset(file.parties),
        in_force_from=day_start(file.in_force_from),
        in_force_until=_day_end(file.in_force_until),
        purposes=frozenset(Purpose[purpose.upper()] for purpose in file.purposes),
        expires_at=expires_at,
    )


def require_party(file: AgreementFile, country: str, file_id: str) -> None:
    """Refuse an agreement file that its lister has no part in, or under another id.

    Raises:
        Refusal: MALFORMED.
    """
    if file.id != file_id:
        raise Refusal(Code.MALFORMED, "id must be the name of the file")
    if len(set(file.parties)) != len(file.parties) or not all(map(NODE_ID.fullmatch, file.parties)):
        raise Refusal(Code.MALFORMED, "parties must be different node ids, like XA")
    if country not in file.parties:
        raise Refusal(Code.MALFORMED, f"{country} lists it, but is no party to it")


def shared_keys(nodes: Collection[Node]) -> dict[str, str]:
    """Return each node that shares a key with another, and which other.

    The same key under two nodes would let one speak as the other. Each has proved that it has it,
    so nobody else can bring this about.
    """
    holders: dict[bytes, str] = {}
    shared: dict[str, str] = {}
    for node in nodes:
        keys = [certificate.spki_digest for certificate in node.certificates]
        keys += [key.verifier.public_key for key in (*node.journal_keys, *node.witness_keys)]
        for key in keys:
            holder = holders.setdefault(key, node.id)
            if holder != node.id:
                shared[node.id], shared[holder] = holder, node.id
    return shared
