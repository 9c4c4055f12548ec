"""Key files: the journal's signing seeds and the TLS key with its certificate.

Files in one directory, readable by their owner only; nothing else in the program writes them.
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct

from node.errors import Code, Refusal
from node.model.note import Ed25519Signer, Mldsa44Signer
from node.model.possession import prove_tls_key
from node.model.trust import spiffe_id, tls_name

_SEED_SIZE_BYTES: Final = 32
_ED25519: Final = "journal-ed25519.seed"
_MLDSA44: Final = "journal-ml-dsa-44.seed"
_TLS_KEY: Final = "tls.key.pem"
_TLS_CERTIFICATE: Final = "tls.cert.pem"
_TLS_VALID: Final = timedelta(days=730)


class KeyFiles(Struct, frozen=True):
    """The keys of a node, in memory."""

    journal_seed: bytes
    post_quantum_seed: bytes
    tls_key_pem: bytes
    tls_certificate_pem: bytes

    def signers(self, origin: str, *, post_quantum: bool) -> list[Ed25519Signer | Mldsa44Signer]:
        """Return what signs the checkpoints of the journal with this origin."""
        signers: list[Ed25519Signer | Mldsa44Signer] = [Ed25519Signer(origin, self.journal_seed)]
        if post_quantum:
            signers.append(Mldsa44Signer(origin, self.post_quantum_seed))
        return signers

    @property
    def tls_certificate_der(self) -> bytes:
        """The certificate as the trust list holds it."""
        certificate = x509.load_pem_x509_certificate(self.tls_certificate_pem)
        return certificate.public_bytes(Encoding.DER)

    def prove_tls_key(self, node: str) -> bytes:
        """Return the proof that this node possesses its TLS key."""
        key = load_pem_private_key(self.tls_key_pem, None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise Refusal(Code.STALE, f"key file {_TLS_KEY}: must hold an ECDSA P-256 key")
        return prove_tls_key(node, key)


def make_keys(directory: Path, node: str, now: datetime) -> KeyFiles:
    """Make new keys and write them; refuses to overwrite any.

    Raises:
        Refusal: CONFLICT where a key file is there already.
    """
    key_pem, certificate_pem = make_certificate(node, now)
    keys = KeyFiles(
        os.urandom(_SEED_SIZE_BYTES), os.urandom(_SEED_SIZE_BYTES), key_pem, certificate_pem
    )
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_secret(directory / _ED25519, keys.journal_seed.hex().encode() + b"\n")
    write_secret(directory / _MLDSA44, keys.post_quantum_seed.hex().encode() + b"\n")
    write_secret(directory / _TLS_KEY, keys.tls_key_pem)
    write_secret(directory / _TLS_CERTIFICATE, keys.tls_certificate_pem)
    return keys


def read_keys(directory: Path) -> KeyFiles:
    """Read the keys of a node.

    Raises:
        Refusal: STALE where a file is missing, open to others or not what it should be.
    """
    return KeyFiles(
        read_seed(directory / _ED25519),
        read_seed(directory / _MLDSA44),
        read_secret(directory / _TLS_KEY),
        read_secret(directory / _TLS_CERTIFICATE),
    )


def make_certificate(node: str, now: datetime) -> tuple[bytes, bytes]:
    """Make a TLS key (ECDSA P-256) and its self-signed certificate, both PEM.

    It names the node by its SPIFFE ID; peers pin it through the trust list. gRPC takes no Ed25519
    or ML-DSA certificate.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    serial_number = x509.random_serial_number()
    # TLS looks a pinned certificate up by its subject: while old and new overlap, each needs
    # its own, or only one of them is found.
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, f"Symbolon node {node}"),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, f"{serial_number:x}"),
        ]
    )
    names = [x509.UniformResourceIdentifier(spiffe_id(node)), x509.DNSName(tls_name(node))]
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial_number)
        .not_valid_before(now.astimezone(UTC) - timedelta(hours=1))
        .not_valid_after(now.astimezone(UTC) + _TLS_VALID)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .sign(key, hashes.SHA256())
    )
    key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return key_pem, certificate.public_bytes(Encoding.PEM)


def read_seed(path: Path) -> bytes:
    """Read a 32-byte seed from a file of 64 hex digits.

    Raises:
        Refusal: STALE where it is missing, open to others or not a seed.
    """
    try:
        seed = bytes.fromhex(read_secret(path).decode("ascii").strip())
    except ValueError:
        seed = b""
    if len(seed) != _SEED_SIZE_BYTES:
        raise Refusal(Code.STALE, f"key file {path.name}: must hold 64 hex digits")
    return seed


def write_secret(path: Path, content: bytes) -> None:
    """Write a new file that only its owner can read.

    Raises:
        Refusal: CONFLICT where the file is there already.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Refusal(
            Code.CONFLICT, f"key file {path} is there already; it is never overwritten"
        ) from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def read_secret(path: Path) -> bytes:
    """Read a file that nobody but its owner can read.

    Raises:
        Refusal: STALE where it is missing or open to others.
    """
    try:
        if path.stat().st_mode & 0o077:
            raise Refusal(
                Code.STALE, f"key file {path.name} is open to others; 'chmod 600' mends it"
            )
        return path.read_bytes()
    except OSError as error:
        raise Refusal(
            Code.STALE, f"key file {path.name} cannot be read ({error.strerror})"
        ) from None
