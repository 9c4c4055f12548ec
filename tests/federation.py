"""The sample federation: fixed keys, certificates and a signed trust list.

XA, XB and XC are the nodes. XA has agreements with both others for every purpose; XB and XC
have one for employment only.
"""

import base64
import functools
from collections.abc import Collection, Mapping
from datetime import UTC, datetime

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from msgspec import Struct

from node.errors import Code, Refusal
from node.flows.ports import Trust
from node.model.note import Ed25519Signer, Mldsa44Signer, VerifierKey
from node.model.trust import TrustBundle, TrustView, compose, resolve

NODES = ("XA", "XB", "XC")
SECOND_US = 1_000_000
DAY_US = 24 * 60 * 60 * SECOND_US
START = 1_795_424_400 * SECOND_US
"""2026-11-23T09:00:00Z, when every test begins."""

Signers = tuple[Ed25519Signer, Mldsa44Signer]


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
def federation_signer() -> Ed25519Signer:
    """Return the fixed signer of the federation's trust lists."""
    return Ed25519Signer("federation.symbolon.example/trust", b"federation".ljust(32, b"1"))


@functools.cache
def make_certificate(node_id: str, generation: int = 1) -> tuple[bytes, bytes, bytes]:
    """Make a node's TLS certificate: private key and certificate in PEM, certificate in DER."""
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


# --- the trust list ------------------------------------------------------------------------


def trust_files(
    endpoints: Mapping[str, str] | None = None, nodes: Collection[str] = NODES
) -> dict[str, bytes]:
    """Return the files of the sample federation; endpoints are host:port by node id."""
    files = {"policy.json": b'{"seals_required": ["ed25519", "ml-dsa-44"]}'}
    for node_id in nodes:
        files[f"nodes/{node_id}/node.json"] = _node_file(node_id, (endpoints or {}).get(node_id))
    everything = ["employment", "licensing", "enrolment"]
    for one, other, purposes in (
        ("XA", "XB", everything),
        ("XA", "XC", everything),
        ("XB", "XC", ["employment"]),
    ):
        agreement = {
            "id": f"{one}-{other}".lower(),
            "version": 1,
            "parties": [one, other],
            "title": f"Agreement between {one} and {other}",
            "instrument": "Treaty of Tests",
            "in_force_from": "2024-01-01",
            "in_force_until": None,
            "purposes": purposes,
        }
        files[f"agreements/{agreement['id']}.json"] = msgspec.json.encode(agreement)
    return files


def _node_file(node_id: str, endpoint: str | None) -> bytes:
    since = "2026-01-01T00:00:00Z"
    keys = [
        {"verifier": str(signer.verifier), "valid_from": since}
        for signer in journal_signers(node_id)
    ]
    certificate = base64.b64encode(make_certificate(node_id)[2]).decode()
    return msgspec.json.encode(
        {
            "node": node_id,
            "country": node_id,
            "authority": f"Authority of {node_id}",
            "endpoint": endpoint or f"{node_id.lower()}.symbolon.example:7443",
            "journal": {"origin": origin(node_id), "keys": keys},
            "tls": [{"certificate": certificate, "valid_from": since}],
        }
    )


class SampleTrust(Struct, frozen=True):
    """A signed trust list, resolved, and the federation's key that it is checked against."""

    bundle: TrustBundle
    view: TrustView
    root: VerifierKey


def sample_trust(
    files: Mapping[str, bytes] | None = None,
    version: int = 1,
    issued_at: int = START - DAY_US,
    expires_at: int = START + 30 * DAY_US,
) -> SampleTrust:
    """Sign a trust list: that of the sample federation, or other files."""
    signer = federation_signer()
    content = trust_files() if files is None else files
    bundle = compose(content, version, issued_at, expires_at, signer)
    return SampleTrust(bundle, resolve(bundle, signer.verifier), signer.verifier)


class FixedTrust(Trust):
    """The `Trust` port over a trust list in memory; `newest` is what `read` finds."""

    def __init__(self, trust: SampleTrust | None = None) -> None:
        self.newest = trust or sample_trust()
        self._view: TrustView | None = self.newest.view

    def view(self) -> TrustView:
        if self._view is None:
            raise Refusal(Code.STALE, "no trust list has been adopted yet")
        return self._view

    def read(self) -> tuple[TrustBundle, TrustView]:
        return self.newest.bundle, self.newest.view

    def publish(self, view: TrustView) -> None:
        self._view = view
