"""The sample federation: fixed keys, certificates and a signed trust list, which is TUF.

XA, XB and XC are the nodes. XA has agreements with both others for every purpose; XB and XC
have one for employment only.
"""

import base64
import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID
from msgspec import Struct
from msgspec.structs import replace
from securesystemslib.signer import CryptoSigner, Signer
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Signed,
    Snapshot,
    TargetFile,
    Targets,
)

from node.errors import Code, Refusal
from node.flows.ports import Trust
from node.model.cosignature import Cosigner
from node.model.note import Ed25519Signer, Mldsa44Signer
from node.model.possession import journal_key_bytes, possession_message, prove_tls_key
from node.model.trust import TrustBundle, TrustView, resolve
from node.model.trust_files import (
    AccreditationEntry,
    CertificateEntry,
    FederationFile,
    FrameworkFile,
    IssuerEntry,
    IssuersFile,
    JournalEntry,
    JournalKeyEntry,
    LevelEntry,
    MemberEntry,
    NodeFile,
)

NODES = ("XA", "XB", "XC")
SECOND_US = 1_000_000
DAY_US = 24 * 60 * 60 * SECOND_US
START = 1_795_424_400 * SECOND_US
"""2026-11-23T09:00:00Z, when every test begins."""

Signers = tuple[Ed25519Signer, Mldsa44Signer]
Files = dict[str, bytes]
Change = Callable[[str, Signed], None]


# --- keys and certificates -----------------------------------------------------------------


def origin(node_id: str) -> str:
    """Return the name of a node's journal, which is also that of its keys."""
    return f"{node_id.lower()}.symbolon.example/journal"


@functools.cache
def journal_signers(node_id: str, generation: int = 1) -> Signers:
    """Return the fixed signers of a node's journal; another generation has other keys."""
    seed = f"{node_id} {generation}".encode()
    return (
        Ed25519Signer(origin(node_id), seed.ljust(32, b"1")),
        Mldsa44Signer(origin(node_id), seed.ljust(32, b"2")),
    )


@functools.cache
def role_signer(role: str, number: int = 1) -> CryptoSigner:
    """Return a fixed signer of a role's metadata; a role may have several, by number."""
    seed = f"{role} {number}".encode().ljust(32, b"3")
    return CryptoSigner(Ed25519PrivateKey.from_private_bytes(seed))


def make_certificate(node_id: str, generation: int = 1) -> tuple[bytes, bytes, bytes]:
    """Make a node's TLS certificate: private key and certificate in PEM, certificate in DER."""
    return _certificate(node_id, generation)


@functools.cache
def _certificate(node_id: str, generation: int) -> tuple[bytes, bytes, bytes]:
    number = int.from_bytes(f"{node_id} {generation}".encode().ljust(31, b"1"), "big")
    key = ec.derive_private_key(number, ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Symbolon {node_id} {generation}")])
    alternatives = x509.SubjectAlternativeName(
        [
            x509.UniformResourceIdentifier(f"spiffe://symbolon/{node_id}"),
            x509.DNSName(f"{node_id.lower()}.symbolon"),
        ]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(number % 2**64 + 1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(alternatives, critical=False)
        .sign(key, hashes.SHA256())
    )
    key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return key_pem, certificate.public_bytes(Encoding.PEM), certificate.public_bytes(Encoding.DER)


# --- what a trust list says ----------------------------------------------------------------

AGREED: Final = (
    ("XA", "XB", ("employment", "licensing", "enrolment")),
    ("XA", "XC", ("employment", "licensing", "enrolment")),
    ("XB", "XC", ("employment",)),
)
_SINCE: Final = datetime(2026, 1, 1, tzinfo=UTC)


def trust_files(
    endpoints: Mapping[str, str] | None = None, nodes: Collection[str] = NODES
) -> dict[str, bytes]:
    """Return the files of the sample federation; endpoints are host:port by node id."""
    members = tuple(MemberEntry(node_id, date(2026, 1, 1)) for node_id in nodes)
    files = {
        "federation.json": msgspec.json.encode(FederationFile("Federation of Tests", members)),
        "policy.json": b'{"seals_required": ["ed25519", "ml-dsa-44"]}',
    }
    for node_id in nodes:
        described = node_file(node_id, (endpoints or {}).get(node_id, ""))
        files[f"nodes/{node_id}/node.json"] = msgspec.json.encode(described)
        files[f"issuers/{node_id}/issuers.json"] = msgspec.json.encode(issuers_file(node_id))
        files[f"issuers/{node_id}/framework.json"] = msgspec.json.encode(
            FrameworkFile("Framework", (LevelEntry("NQF 4", 4), LevelEntry("5", 5)), "Tests")
        )
    for one, other, purposes in AGREED:
        if {one, other} <= set(nodes):
            files |= agreement_files(one, other, purposes=purposes)
    return files


def agreement_files(*parties: str, **changes: object) -> dict[str, bytes]:
    """Return an agreement as each of its parties lists it."""
    agreement = {
        "id": "-".join(parties).lower(),
        "version": 1,
        "parties": parties,
        "title": f"Agreement between {' and '.join(parties)}",
        "instrument": "Treaty of Tests",
        "in_force_from": "2024-01-01",
        "in_force_until": None,
        "purposes": ["employment", "licensing", "enrolment"],
    } | changes
    content = msgspec.json.encode(agreement)
    return {f"agreements/{party}/{agreement['id']}.json": content for party in parties}


def changed_agreement(files: Mapping[str, bytes], agreement: str, **changes: object) -> Files:
    """Return files in which all parties have changed an agreement alike."""
    found = {
        path: msgspec.json.encode(msgspec.json.decode(content) | changes)
        for path, content in files.items()
        if path.startswith("agreements/") and path.endswith(f"/{agreement}.json")
    }
    assert found
    return {**files, **found}


COLLEGE = "Lycée des métiers de Port-Sauvry"


def issuers_file(node_id: str) -> IssuersFile:
    """Return the issuers of a country: one college, for metal trades; it awarded the samples."""
    accredited = AccreditationEntry(
        ("72",), (3, 4), ("full_qualification", "unit"), date(2010, 1, 1), "Ministry of Tests"
    )
    return IssuersFile((IssuerEntry(f"{node_id.lower()}-college", COLLEGE, (accredited,)),))


def node_file(node_id: str, endpoint: str = "") -> NodeFile:
    """Return what the list says of a node of the sample federation."""
    return NodeFile(
        node=node_id,
        country=node_id,
        authority=f"Authority of {node_id}",
        endpoint=endpoint or f"{node_id.lower()}.symbolon.example:7443",
        journal=JournalEntry(
            origin(node_id),
            tuple(key_entry(node_id, signer) for signer in journal_signers(node_id)),
        ),
        tls=(certificate_entry(node_id),),
    )


def key_entry(node_id: str, signer: Ed25519Signer | Cosigner, **changes: Any) -> JournalKeyEntry:
    """Return how a node lists a journal or witness key, with its proof of possession."""
    return replace(
        JournalKeyEntry(str(signer.verifier), _SINCE, _proof(node_id, signer)), **changes
    )


@functools.cache  # ML-DSA signs with fresh randomness; what is listed stays the same
def _proof(node_id: str, signer: Ed25519Signer | Cosigner) -> str:
    return _text(signer.prove(possession_message(node_id, journal_key_bytes(signer.verifier))))


@functools.cache
def certificate_entry(node_id: str, generation: int = 1) -> CertificateEntry:
    """Return how a node lists a TLS certificate, with its proof of possession."""
    key_pem, _, certificate_der = make_certificate(node_id, generation)
    key = load_pem_private_key(key_pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return CertificateEntry(_text(certificate_der), _SINCE, _text(prove_tls_key(node_id, key)))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


# --- how it is signed ----------------------------------------------------------------------


def country_role(country: str) -> str:
    """Return the name of a country's role."""
    return f"country-{country}"


def _signers(role: str) -> Sequence[Signer]:
    return (role_signer(role),)


def unchanged(_role: str, _signed: Signed) -> None:
    """Change nothing in a role's metadata."""


def expiring(role: str, at: int) -> Change:
    """Return what lets one role expire at another time than the others."""

    def change(name: str, signed: Signed) -> None:
        if name == role:
            signed.expires = moment(at)

    return change


def make_root(
    version: int = 1,
    expires_at: int = START + 3650 * DAY_US,
    *,
    signers: Callable[[str], Sequence[Signer]] = _signers,
    signed_by: Sequence[Signer] | None = None,
) -> bytes:
    """Return root metadata that give every role the keys that `signers` names, all of them due."""
    root = Root(version=version, expires=moment(expires_at), consistent_snapshot=True)
    for role in ("root", "targets", "snapshot", "timestamp"):
        for signer in signers(role):
            root.add_key(signer.public_key, role)
        root.roles[role].threshold = len(signers(role))
    return sign(root, signers("root") if signed_by is None else signed_by)


def compose(
    files: Mapping[str, bytes],
    version: int = 1,
    expires_at: int = START + 30 * DAY_US,
    *,
    roots: Sequence[bytes] = (),
    signers: Callable[[str], Sequence[Signer]] = _signers,
    change: Change = unchanged,
) -> TrustBundle:
    """Sign files as one trust list, each role in this version, every one expiring at once.

    Args:
        files: by path; whose they are follows from the path.
        version: of snapshot, targets and countries.
        expires_at: of these, in microseconds UTC.
        roots: all root metadata; one that gives every role the keys of `signers` by default.
        signers: of each role, by its name.
        change: what a test changes in a role's metadata before they are signed.
    """
    expires = moment(expires_at)
    federation = {path: data for path, data in files.items() if "/" not in path}
    targets = Targets(version=version, expires=expires, targets=_listed(federation))
    targets.delegations = Delegations({}, {})
    metadata: dict[str, bytes] = {}
    for country in sorted({path.split("/")[1] for path in files if "/" in path}):
        role = country_role(country)
        own = {path: data for path, data in files.items() if f"/{country}/" in path}
        signed = Targets(version=version, expires=expires, targets=_listed(own))
        change(role, signed)
        metadata[f"{role}.json"] = sign(signed, signers(role))
        _delegate(targets, country, signers(role))
    change("targets", targets)
    metadata["targets.json"] = sign(targets, signers("targets"))
    snapshot = Snapshot(version=version, expires=expires)
    snapshot.meta = {
        name: MetaFile.from_data(_version(data), data, ["sha256"])
        for name, data in metadata.items()
    }
    change("snapshot", snapshot)
    metadata["snapshot.json"] = sign(snapshot, signers("snapshot"))
    made = roots or (make_root(signers=signers),)
    metadata |= {f"{number}.root.json": data for number, data in enumerate(made, 1)}
    return TrustBundle(metadata, dict(files))


def sign(signed: Signed, signers: Sequence[Signer]) -> bytes:
    """Return metadata with the signatures of all these."""
    metadata = Metadata[Any](signed)
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata.to_bytes()


def moment(at: int) -> datetime:
    """Return a time as TUF writes it, to the second."""
    return datetime.fromtimestamp(at // SECOND_US, UTC)


def _delegate(targets: Targets, country: str, signers: Sequence[Signer]) -> None:
    role = country_role(country)
    paths = [f"{folder}/{country}/*" for folder in ("nodes", "issuers", "agreements")]
    delegations = targets.delegations
    assert delegations is not None
    assert delegations.roles is not None
    delegations.roles[role] = DelegatedRole(role, [], len(signers), terminating=True, paths=paths)
    for signer in signers:
        targets.add_key(signer.public_key, role)


def _listed(files: Mapping[str, bytes]) -> dict[str, TargetFile]:
    return {path: TargetFile.from_data(path, data, ["sha256"]) for path, data in files.items()}


def _version(data: bytes) -> int:
    version: int = msgspec.json.decode(data)["signed"]["version"]
    return version


class SampleTrust(Struct, frozen=True):
    """A signed trust list, resolved, and the root that it is checked against."""

    bundle: TrustBundle
    view: TrustView
    root: bytes


def sample_trust(
    files: Mapping[str, bytes] | None = None,
    version: int = 1,
    expires_at: int = START + 30 * DAY_US,
    at: int = START - DAY_US,
    change: Change = unchanged,
) -> SampleTrust:
    """Sign a trust list: that of the sample federation, or other files."""
    content = trust_files() if files is None else files
    bundle = compose(content, version, expires_at, change=change)
    root = bundle.metadata["1.root.json"]
    return SampleTrust(bundle, resolve(bundle, root, at, whole=True), root)


def issuer_changed(node_id: str = "XA", version: int = 2, **changes: Any) -> SampleTrust:
    """Sign a newer list of the sample federation, with the one issuer of a country changed."""
    (entry,) = issuers_file(node_id).issuers
    issuers = msgspec.json.encode(IssuersFile((replace(entry, **changes),)))
    return sample_trust({**trust_files(), f"issuers/{node_id}/issuers.json": issuers}, version)


def issuer_gone(how: str, since: date) -> SampleTrust:
    """Sign a newer list, on which XA's issuer is gone: `how` is suspended or withdrawn_since."""
    changes: dict[str, Any] = {how: since, "reason": "closed"}
    return issuer_changed("XA", **changes)


class FixedTrust(Trust):
    """The `Trust` port over a trust list in memory.

    Attributes:
        newest: what `read` finds.
        missing: raised by `read` instead; None: none.
    """

    def __init__(self, trust: SampleTrust | None = None) -> None:
        self.missing: Refusal | None = None
        self.newest = trust or sample_trust()
        self._view: TrustView | None = self.newest.view

    def view(self) -> TrustView:
        if self._view is None:
            raise Refusal(Code.STALE, "no trust list has been adopted yet")
        return self._view

    def read(self) -> tuple[TrustBundle, TrustView]:
        if self.missing is not None:
            raise self.missing
        return self.newest.bundle, self.newest.view

    def forget(self) -> None:
        """Begin anew, with nothing in force."""
        self._view = None

    def restore(self, bundle: TrustBundle, at: int) -> TrustView:
        return resolve(bundle, self.newest.root, at, whole=True)

    def publish(self, view: TrustView) -> None:
        self._view = view
