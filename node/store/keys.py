"""Key files: the journal's signing seeds, the TLS keys with their certificates.

    journal-ed25519.seed, journal-ml-dsa-44.seed        made by `init`
    tls.key.pem, tls.cert.pem
    journal-2-ed25519.seed, journal-2-ml-dsa-44.seed    made when the first are renewed
    tls-2.key.pem, tls-2.cert.pem
    witness-ed25519.seed, witness-ml-dsa-44.seed        cosign other nodes' checkpoints, by `init`
    witness-2-ed25519.seed, witness-2-ml-dsa-44.seed    made when the first are renewed
    document-ed25519.seed, document-2-ed25519.seed      sign open documents, made when asked for

Files in one directory, readable by their owner only; nothing else in the program writes them. A
renewal adds files and overwrites none, so nothing is lost wherever it is interrupted.
"""

import os
import re
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

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
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct

from node.errors import Code, Refusal
from node.model.cosignature import CosignatureSigner, Cosigner, witness_name
from node.model.note import Ed25519Signer, Mldsa44Signer
from node.model.possession import prove_tls_key
from node.model.trust import spiffe_id, spki_digest, tls_name

_SEED_SIZE_BYTES: Final = 32
_JOURNAL: Final = "journal"
_TLS: Final = "tls"
_WITNESS: Final = "witness"
_DOCUMENT: Final = "document"
_ED25519: Final = "-ed25519.seed"
_MLDSA44: Final = "-ml-dsa-44.seed"
_KEY: Final = ".key.pem"
_CERTIFICATE: Final = ".cert.pem"
_TLS_VALID: Final = timedelta(days=730)

Signer = Ed25519Signer | Mldsa44Signer


class _Seeds(Struct, frozen=True):
    file: str
    ed25519: bytes
    ml_dsa_44: bytes


class JournalSeeds(_Seeds, frozen=True):
    """The seeds of a journal key of each kind, which are made and retired together."""

    def signers(self, origin: str, *, post_quantum: bool) -> list[Signer]:
        """Return what signs the checkpoints of the journal with this origin."""
        signers: list[Signer] = [Ed25519Signer(origin, self.ed25519)]
        if post_quantum:
            signers.append(Mldsa44Signer(origin, self.ml_dsa_44))
        return signers


class WitnessSeeds(_Seeds, frozen=True):
    """The seeds of the keys that cosign other nodes' checkpoints, one of each kind."""

    def cosigners(self, origin: str, *, post_quantum: bool) -> list[Cosigner]:
        """Return what cosigns for the owner of the journal with this origin."""
        name = witness_name(origin)
        cosigners: list[Cosigner] = [CosignatureSigner(name, self.ed25519)]
        if post_quantum:
            cosigners.append(Mldsa44Signer(name, self.ml_dsa_44))
        return cosigners


_AnySeeds = TypeVar("_AnySeeds", JournalSeeds, WitnessSeeds)


class TlsPair(Struct, frozen=True):
    """A TLS key and its certificate, both PEM."""

    file: str
    key_pem: bytes
    certificate_pem: bytes

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate, read."""
        return x509.load_pem_x509_certificate(self.certificate_pem)

    @property
    def listed(self) -> str:
        """The certificate as the trust list holds it: base64 of DER."""
        return b64encode(self.certificate.public_bytes(Encoding.DER)).decode("ascii")

    @property
    def pin(self) -> bytes:
        """What the trust list knows the certificate by."""
        return spki_digest(self.certificate)

    def prove(self, node: str) -> bytes:
        """Return the proof that this node possesses the key."""
        key = load_pem_private_key(self.key_pem, None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise Refusal(Code.STALE, f"key file {self.file}{_KEY}: must hold an ECDSA P-256 key")
        return prove_tls_key(node, key)


class KeyFiles(Struct, frozen=True):
    """The keys of a node, in memory; the oldest first, and mostly one of each."""

    journal: tuple[JournalSeeds, ...]
    tls: tuple[TlsPair, ...]
    witness: tuple[WitnessSeeds, ...] = ()

    def signers(self, origin: str, *, post_quantum: bool) -> list[Signer]:
        """Return what signs the checkpoints of the journal with this origin, the oldest first."""
        return [
            signer
            for seeds in self.journal
            for signer in seeds.signers(origin, post_quantum=post_quantum)
        ]

    def cosigners(self, origin: str, *, post_quantum: bool) -> list[Cosigner]:
        """Return what cosigns other nodes' checkpoints; nothing where there are no such keys."""
        return [
            cosigner
            for seeds in self.witness
            for cosigner in seeds.cosigners(origin, post_quantum=post_quantum)
        ]


def make_keys(directory: Path, node: str, now: datetime) -> KeyFiles:
    """Make new keys and write them; refuses to overwrite any.

    Raises:
        Refusal: CONFLICT where a key file is there already.
    """
    key_pem, certificate_pem = make_certificate(node, now)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    journal = _write_seeds(directory, JournalSeeds, _JOURNAL)
    tls = _write_pair(directory, TlsPair(_TLS, key_pem, certificate_pem))
    return KeyFiles((journal,), (tls,), (add_witness_keys(directory),))


def add_journal_keys(directory: Path) -> JournalSeeds:
    """Make journal keys that will follow those in use, and write them beside these."""
    return _write_seeds(directory, JournalSeeds, _next_name(directory, _JOURNAL))


def add_witness_keys(directory: Path) -> WitnessSeeds:
    """Make witness keys that will follow those in use, if any, and write them beside these."""
    return _write_seeds(directory, WitnessSeeds, _next_name(directory, _WITNESS))


def add_certificate(directory: Path, node: str, now: datetime) -> TlsPair:
    """Make a TLS key and certificate that will follow those in use, and write them beside these."""
    key_pem, certificate_pem = make_certificate(node, now)
    name = _next_name(directory, _TLS)
    return _write_pair(directory, TlsPair(name, key_pem, certificate_pem))


def add_document_key(directory: Path) -> str:
    """Make a key that signs open documents from now on; returns what its file is called."""
    name = _next_name(directory, _DOCUMENT)
    write_secret(directory / f"{name}{_ED25519}", os.urandom(_SEED_SIZE_BYTES).hex().encode())
    return f"{name}{_ED25519}"


def read_document_keys(directory: Path) -> tuple[Ed25519PrivateKey, ...]:
    """Read every key that signs open documents, the oldest first; none is not wrong.

    Raises:
        Refusal: as `read_keys`.
    """
    return tuple(
        Ed25519PrivateKey.from_private_bytes(read_seed(directory / f"{name}{_ED25519}"))
        for name in _names(directory, _DOCUMENT, _ED25519)
    )


def delete_keys(directory: Path, gone: Sequence[JournalSeeds | WitnessSeeds | TlsPair]) -> None:
    """Delete the files of keys that nobody accepts any more."""
    for keys in gone:
        # That by which a key is found goes first: no half of one is ever read.
        both = (_CERTIFICATE, _KEY) if isinstance(keys, TlsPair) else (_ED25519, _MLDSA44)
        for end in both:
            (directory / f"{keys.file}{end}").unlink(missing_ok=True)


def read_keys(directory: Path) -> KeyFiles:
    """Read the keys of a node.

    Raises:
        Refusal: STALE where a file is missing, open to others or not what it should be.
    """
    return KeyFiles(
        read_journal_seeds(directory), read_tls_pairs(directory), read_witness_seeds(directory)
    )


def read_journal_seeds(directory: Path) -> tuple[JournalSeeds, ...]:
    """Read the seeds of every journal key, the oldest first; raises as `read_keys`."""
    names = _names(directory, _JOURNAL, _ED25519) or [_JOURNAL]
    return tuple(_read_seeds(directory, JournalSeeds, name) for name in names)


def read_witness_seeds(directory: Path) -> tuple[WitnessSeeds, ...]:
    """Read the seeds of every witness key, the oldest first; none is not wrong.

    Raises:
        Refusal: as `read_keys`.
    """
    names = _names(directory, _WITNESS, _ED25519)
    return tuple(_read_seeds(directory, WitnessSeeds, name) for name in names)


def read_tls_pairs(directory: Path) -> tuple[TlsPair, ...]:
    """Read every TLS key with its certificate, the oldest first; raises as `read_keys`."""
    names = _names(directory, _TLS, _CERTIFICATE) or [_TLS]
    return tuple(_read_pair(directory, name) for name in names)


def _read_pair(directory: Path, name: str) -> TlsPair:
    file = directory / f"{name}{_CERTIFICATE}"
    certificate_pem = read_secret(file)
    try:
        x509.load_pem_x509_certificate(certificate_pem)
    except ValueError:
        raise Refusal(Code.STALE, f"key file {file.name}: must hold a certificate") from None
    return TlsPair(name, read_secret(directory / f"{name}{_KEY}"), certificate_pem)


def _read_seeds(directory: Path, kind: type[_AnySeeds], name: str) -> _AnySeeds:
    ends = (_ED25519, _MLDSA44)
    return kind(name, *(read_seed(directory / f"{name}{end}") for end in ends))


def _write_seeds(directory: Path, kind: type[_AnySeeds], name: str) -> _AnySeeds:
    seeds = kind(name, os.urandom(_SEED_SIZE_BYTES), os.urandom(_SEED_SIZE_BYTES))
    # That by which they are found comes last.
    write_secret(directory / f"{name}{_MLDSA44}", seeds.ml_dsa_44.hex().encode() + b"\n")
    write_secret(directory / f"{name}{_ED25519}", seeds.ed25519.hex().encode() + b"\n")
    return seeds


def _write_pair(directory: Path, pair: TlsPair) -> TlsPair:
    write_secret(directory / f"{pair.file}{_KEY}", pair.key_pem)
    write_secret(directory / f"{pair.file}{_CERTIFICATE}", pair.certificate_pem)
    return pair


def _names(directory: Path, first: str, end: str) -> list[str]:
    """Return what the key files with an ending are called without it, the oldest first."""
    return [_name(first, number) for number in _numbers(directory, first, re.escape(end))]


def _next_name(directory: Path, first: str) -> str:
    return _name(first, max(_numbers(directory, first, ".*"), default=0) + 1)


def _name(first: str, number: int) -> str:
    return first if number == 1 else f"{first}-{number}"


def _numbers(directory: Path, first: str, end: str) -> list[int]:
    form = re.compile(rf"{first}(?:-([1-9][0-9]{{0,5}}))?(?![0-9]){end}")
    found = [form.fullmatch(path.name) for path in directory.glob(f"{first}*")]
    return sorted({int(one[1] or 1) for one in found if one is not None})


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
