"""Trust lists: which nodes, keys, certificates and agreements count.

First form: a directory of JSON files, and one signed note that lists them.

    symbolon-trust/v1
    version 3
    issued 2026-11-23T09:00:00Z
    expires 2026-12-23T09:00:00Z
    file agreements/xa-xb.json <SHA-256, 64 hex digits>
    file nodes/XA/node.json <SHA-256, 64 hex digits>
    file policy.json <SHA-256, 64 hex digits>

    — <federation key name> <base64>

`resolve` turns that into one immutable, indexed view.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Final, Literal, TypeVar

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec import Struct

from node.errors import Code, Refusal
from node.model.bounds import NODE_ID
from node.model.note import (
    Ed25519Signer,
    KeyKind,
    OpenedCheckpoint,
    VerifierKey,
    open_checkpoint,
    open_note,
    sign_text,
)
from node.model.statement import AgreementReference, Purpose, TrustReference

LIST_NAME: Final = "list.note"
FILE_SIZE_MAX_BYTES: Final = 1 << 20
FILES_MAX: Final = 10_000
_HEADING: Final = "symbolon-trust/v1"
_FILE_LINE: Final = re.compile(r"file ([A-Za-z0-9][A-Za-z0-9_./-]{0,199}) ([0-9a-f]{64})")
_ENDPOINT: Final = re.compile(r"[A-Za-z0-9.\[\]:_-]{1,253}:[0-9]{1,5}")
_SEAL_KINDS: Final = {"ed25519": KeyKind.ED25519, "ml-dsa-44": KeyKind.MLDSA44}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_US: Final = 24 * 60 * 60 * 1_000_000
_File = TypeVar("_File", bound=Struct)


class JournalKeyEntry(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One journal key in a node file; a retired one stays listed, with its reason."""

    verifier: str
    valid_from: datetime
    valid_until: datetime | None = None
    retired_because: str | None = None


class JournalEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """A node's journal: its C2SP origin and the keys that sign its checkpoints."""

    origin: str
    keys: tuple[JournalKeyEntry, ...]


class CertificateEntry(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One TLS certificate of a node (base64 of DER); old and new may overlap."""

    certificate: str
    valid_from: datetime
    valid_until: datetime | None = None


class NodeFile(Struct, frozen=True, forbid_unknown_fields=True):
    """`nodes/XA/node.json`: everything that peers must know of a node."""

    node: str
    country: str
    authority: str
    endpoint: str
    journal: JournalEntry
    tls: tuple[CertificateEntry, ...]


class AgreementFile(Struct, frozen=True, forbid_unknown_fields=True):
    """`agreements/*.json`: which purposes two or more nodes answer each other for.

    Both dates are days in force, in UTC; without the second there is no end yet.
    """

    id: str
    version: int
    parties: tuple[str, ...]
    title: str
    instrument: str
    in_force_from: date
    in_force_until: date | None
    purposes: tuple[Literal["employment", "licensing", "enrolment"], ...]
    note: str = ""


class PolicyFile(Struct, frozen=True, forbid_unknown_fields=True):
    """`policy.json`: which signature lines a checkpoint must carry to count."""

    seals_required: tuple[Literal["ed25519", "ml-dsa-44"], ...] = ("ed25519", "ml-dsa-44")


class JournalKey(Struct, frozen=True):
    """A journal key and when it counts (microseconds UTC; None: no end)."""

    verifier: VerifierKey
    valid_from: int
    valid_until: int | None


class Certificate(Struct, frozen=True):
    """A TLS certificate that a node may present, its SPKI pin and when it counts."""

    der: bytes
    spki_digest: bytes
    valid_from: int
    valid_until: int | None


class Node(Struct, frozen=True):
    """A node as the trust list describes it."""

    id: str
    country: str
    authority: str
    endpoint: str
    origin: str
    journal_keys: tuple[JournalKey, ...]
    certificates: tuple[Certificate, ...]

    def accepts(self, pin: bytes, at: int) -> bool:
        """Tell whether the node may present the certificate with this pin at a time."""
        return any(
            entry.spki_digest == pin and _holds(entry.valid_from, entry.valid_until, at)
            for entry in self.certificates
        )


class Agreement(Struct, frozen=True):
    """An agreement in its first form: parties, dates in force, purposes covered."""

    id: str
    version: int
    parties: frozenset[str]
    in_force_from: int
    in_force_until: int | None
    purposes: frozenset[Purpose]

    @property
    def reference(self) -> AgreementReference:
        """How a query names it."""
        return AgreementReference(self.id, self.version)


class TrustBundle(Struct, frozen=True):
    """A trust list as it is stored and carried: the signed note and its files, byte for byte."""

    note: bytes
    files: dict[str, bytes]


class TrustView(Struct, frozen=True):
    """One resolved trust list: immutable, indexed, look-ups cost nothing.

    Attributes:
        reference: version and digest, as every statement names them.
        issued_at: microseconds UTC.
        expires_at: microseconds UTC; past it, nothing new is asked or answered.
        nodes: by node id.
        node_by_pin: node id by SHA-256 of the certificate's SubjectPublicKeyInfo.
        agreements: by the pair of node ids.
        seals_required: the kinds of signature that a checkpoint must carry.
    """

    reference: TrustReference
    issued_at: int
    expires_at: int
    nodes: dict[str, Node]
    node_by_pin: dict[bytes, str]
    agreements: dict[frozenset[str], tuple[Agreement, ...]]
    seals_required: frozenset[KeyKind]

    def node(self, node: str) -> Node:
        """Return a node.

        Raises:
            Refusal: UNKNOWN where the list has no such node.
        """
        found = self.nodes.get(node)
        if found is None:
            raise Refusal(Code.UNKNOWN, f"node {node!r} is not on the trust list")
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
            if _holds(agreement.in_force_from, agreement.in_force_until, now)
        ]

    def open_checkpoint(self, node: Node, note: bytes, at: int) -> OpenedCheckpoint:
        """Open a checkpoint that a node signed, with its keys that count at a time.

        Raises:
            Refusal: UNAUTHENTICATED where a signature fails or a required one is missing,
                MALFORMED where the note is not one.
        """
        keys = [
            key.verifier for key in node.journal_keys if _holds(key.valid_from, key.valid_until, at)
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


def resolve(bundle: TrustBundle, root: VerifierKey, *, whole: bool = False) -> TrustView:
    """Check a trust list against the federation's root and index it.

    A bundle may hold fewer files than its list names (a receipt carries only those it needs),
    unless `whole` is asked for; a file that the list does not name, or with another digest, is
    refused.

    Raises:
        Refusal: UNAUTHENTICATED where signature or digest fails, MALFORMED with the file and
            field where the content is wrong or the file is missing.
    """
    text = open_note(bundle.note, [root]).text
    version, issued_at, expires_at, digests = _read_list(text)
    for path, content in bundle.files.items():
        if hashlib.sha256(content).hexdigest() != digests.get(path):
            raise Refusal(
                Code.UNAUTHENTICATED,
                f"trust list file {path}: not the file that the signed list names",
            )
    missing = sorted(digests.keys() - bundle.files.keys()) if whole else []
    if missing:
        raise Refusal(
            Code.MALFORMED, f"trust list file {missing[0]}: is missing; copy the whole directory"
        )
    nodes = [
        _resolve_node(path, content)
        for path, content in bundle.files.items()
        if path.startswith("nodes/")
    ]
    policy = PolicyFile()
    if "policy.json" in bundle.files:
        policy = _decode(bundle.files["policy.json"], PolicyFile, "policy.json")
    return TrustView(
        reference=TrustReference(version, hashlib.sha256(text).digest()),
        issued_at=issued_at,
        expires_at=expires_at,
        nodes={node.id: node for node in nodes},
        node_by_pin=_index_pins(nodes),
        agreements=_index_agreements(bundle.files),
        seals_required=frozenset(_SEAL_KINDS[kind] for kind in policy.seals_required),
    )


def compose(
    files: Mapping[str, bytes], version: int, issued_at: int, expires_at: int, signer: Ed25519Signer
) -> TrustBundle:
    """Sign a set of files as one trust list; times in microseconds UTC, kept to the second."""
    lines = [
        _HEADING,
        f"version {version}",
        f"issued {_instant_text(issued_at)}",
        f"expires {_instant_text(expires_at)}",
    ]
    lines += [f"file {path} {hashlib.sha256(files[path]).hexdigest()}" for path in sorted(files)]
    text = "".join(f"{line}\n" for line in lines).encode()
    _read_list(text)
    return TrustBundle(sign_text(text, signer), dict(files))


def extract(bundle: TrustBundle, nodes: Iterable[str]) -> TrustBundle:
    """Return a bundle with only what is needed to check the seals of some nodes."""
    wanted = {"policy.json", *(f"nodes/{node}/node.json" for node in nodes)}
    return TrustBundle(
        bundle.note, {path: content for path, content in bundle.files.items() if path in wanted}
    )


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


def _read_list(text: bytes) -> tuple[int, int, int, dict[str, str]]:
    lines = text.decode().splitlines()
    if len(lines) < 4 or lines[0] != _HEADING:  # noqa: PLR2004 - heading and three fields
        raise Refusal(Code.MALFORMED, f"trust list: must begin with {_HEADING!r}")
    if len(lines) > FILES_MAX:
        raise Refusal(Code.MALFORMED, f"trust list: names more than {FILES_MAX} files")
    version = re.fullmatch(r"version ([1-9][0-9]{0,17})", lines[1])
    if version is None:
        raise Refusal(Code.MALFORMED, "trust list: second line must be 'version <number>'")
    issued_at = _read_instant(lines[2], "issued")
    expires_at = _read_instant(lines[3], "expires")
    digests: dict[str, str] = {}
    for line in lines[4:]:
        entry = _FILE_LINE.fullmatch(line)
        if entry is None or ".." in line or entry[1] in digests:
            raise Refusal(Code.MALFORMED, "trust list: a file line is wrong or named twice")
        digests[entry[1]] = entry[2]
    return int(version[1]), issued_at, expires_at, digests


def _read_instant(line: str, name: str) -> int:
    found = re.fullmatch(name + r" ([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})Z", line)
    try:
        if found is not None:
            return _microseconds(datetime.fromisoformat(found[1]).replace(tzinfo=UTC))
    except ValueError:
        pass
    raise Refusal(Code.MALFORMED, f"trust list: needs '{name} YYYY-MM-DDThh:mm:ssZ'")


def _instant_text(at: int) -> str:
    return datetime.fromtimestamp(at // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _microseconds(moment: datetime) -> int:
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _moment(moment: datetime, where: str) -> int:
    if moment.tzinfo is None:
        raise Refusal(Code.MALFORMED, f"{where}: a time needs a zone, like 2026-11-23T09:00:00Z")
    return _microseconds(moment)


def _holds(since: int, until: int | None, at: int) -> bool:
    return since <= at and (until is None or at < until)


def _decode(content: bytes, kind: type[_File], path: str) -> _File:
    if len(content) > FILE_SIZE_MAX_BYTES:
        raise Refusal(Code.MALFORMED, f"trust list file {path}: over {FILE_SIZE_MAX_BYTES} bytes")
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise Refusal(Code.MALFORMED, f"trust list file {path}: {error}") from None


def _resolve_node(path: str, content: bytes) -> Node:
    file = _decode(content, NodeFile, path)
    where = f"trust list file {path}"
    if NODE_ID.fullmatch(file.node) is None or path != f"nodes/{file.node}/node.json":
        raise Refusal(Code.MALFORMED, f"{where}: node must be the id in its path, like XA")
    if _ENDPOINT.fullmatch(file.endpoint) is None:
        raise Refusal(Code.MALFORMED, f"{where}: endpoint must be host:port")
    keys = tuple(_resolve_key(key, file.journal.origin, where) for key in file.journal.keys)
    certificates = tuple(_resolve_certificate(entry, file.node, where) for entry in file.tls)
    if not keys or not certificates:
        raise Refusal(Code.MALFORMED, f"{where}: needs a journal key and a TLS certificate")
    return Node(
        file.node,
        file.country,
        file.authority,
        file.endpoint,
        file.journal.origin,
        keys,
        certificates,
    )


def _resolve_key(entry: JournalKeyEntry, origin: str, where: str) -> JournalKey:
    verifier = VerifierKey.parse(entry.verifier)
    if verifier.name != origin or verifier.kind not in _SEAL_KINDS.values():
        raise Refusal(
            Code.MALFORMED, f"{where}: a journal key must be named by the journal's origin"
        )
    if entry.retired_because is not None and entry.valid_until is None:
        raise Refusal(Code.MALFORMED, f"{where}: a retired journal key needs valid_until")
    until = None if entry.valid_until is None else _moment(entry.valid_until, where)
    return JournalKey(verifier, _moment(entry.valid_from, where), until)


def _resolve_certificate(entry: CertificateEntry, node: str, where: str) -> Certificate:
    try:
        der = base64.b64decode(entry.certificate, validate=True)
        certificate = x509.load_der_x509_certificate(der)
        public_key = certificate.public_key()
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        raise Refusal(
            Code.MALFORMED, f"{where}: tls certificate must be base64 of a DER certificate"
        ) from None
    if not isinstance(public_key, ec.EllipticCurvePublicKey) or not isinstance(
        public_key.curve, ec.SECP256R1
    ):
        raise Refusal(Code.MALFORMED, f"{where}: tls certificate must hold an ECDSA P-256 key")
    if _names(certificate) != [spiffe_id(node)]:
        raise Refusal(
            Code.MALFORMED, f"{where}: tls certificate must name {spiffe_id(node)} and nobody else"
        )
    until = None if entry.valid_until is None else _moment(entry.valid_until, where)
    return Certificate(der, spki_digest(certificate), _moment(entry.valid_from, where), until)


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return []
    return names.get_values_for_type(x509.UniformResourceIdentifier)


def _index_pins(nodes: Iterable[Node]) -> dict[bytes, str]:
    """Index certificates by pin; the same key under two nodes would let one speak as the other."""
    pins: dict[bytes, str] = {}
    journal_keys: dict[bytes, str] = {}
    for node in nodes:
        held = [(pins, certificate.spki_digest) for certificate in node.certificates]
        held += [(journal_keys, key.verifier.public_key) for key in node.journal_keys]
        for index, key in held:
            if index.setdefault(key, node.id) != node.id:
                raise Refusal(
                    Code.MALFORMED, f"trust list: nodes {index[key]} and {node.id} share a key"
                )
    return pins


def _index_agreements(files: Mapping[str, bytes]) -> dict[frozenset[str], tuple[Agreement, ...]]:
    index: dict[frozenset[str], tuple[Agreement, ...]] = {}
    for path, content in files.items():
        if not path.startswith("agreements/"):
            continue
        file = _decode(content, AgreementFile, path)
        until = file.in_force_until
        agreement = Agreement(
            id=file.id,
            version=file.version,
            parties=frozenset(file.parties),
            in_force_from=_microseconds(_midnight(file.in_force_from)),
            in_force_until=None if until is None else _microseconds(_midnight(until)) + _DAY_US,
            purposes=frozenset(Purpose[purpose.upper()] for purpose in file.purposes),
        )
        for one in agreement.parties:
            for other in agreement.parties:
                if one < other:
                    pair = frozenset((one, other))
                    index[pair] = (*index.get(pair, ()), agreement)
    return index


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
