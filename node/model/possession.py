"""Proofs of possession: whoever lists a key under a node holds its private half.

Each key signs a message that names the node and the key, so nobody can list another node's key
as its own. The message begins as no note, checkpoint or TLS handshake does.
"""

from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from node.errors import Code, Refusal
from node.model.note import KeyKind, VerifierKey

_DOMAIN: Final = b"symbolon-possession/v1\x00"


def possession_message(node: str, public_key: bytes) -> bytes:
    """Return what a key of a node signs: the domain, then SHA-256 of node id, zero, public key.

    `public_key` is `journal_key_bytes` or `tls_key_bytes` of it.
    """
    return _DOMAIN + sha256(b"%b\x00%b" % (node.encode(), public_key)).digest()


def journal_key_bytes(verifier: VerifierKey) -> bytes:
    """Return a journal key as the possession message holds it: its line."""
    return str(verifier).encode()


def tls_key_bytes(public_key: ec.EllipticCurvePublicKey) -> bytes:
    """Return a TLS key as the possession message holds it: its SubjectPublicKeyInfo (DER)."""
    return public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def prove_tls_key(node: str, private_key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the proof of possession of a TLS key (ECDSA over SHA-256, DER)."""
    message = possession_message(node, tls_key_bytes(private_key.public_key()))
    return private_key.sign(message, ec.ECDSA(hashes.SHA256()))


def check_journal_key(node: str, verifier: VerifierKey, proof: bytes) -> None:
    """Check the proof of possession of a journal key.

    Raises:
        Refusal: UNAUTHENTICATED where this key did not sign it for this node.
    """
    message = possession_message(node, journal_key_bytes(verifier))
    try:
        if verifier.kind is KeyKind.MLDSA44:
            MLDSA44PublicKey.from_public_bytes(verifier.public_key).verify(proof, message)
        else:
            Ed25519PublicKey.from_public_bytes(verifier.public_key).verify(proof, message)
    except InvalidSignature:
        raise _not_proved(node, "journal key") from None


def check_tls_key(node: str, public_key: ec.EllipticCurvePublicKey, proof: bytes) -> None:
    """Check the proof of possession of a TLS key.

    Raises:
        Refusal: UNAUTHENTICATED where this key did not sign it for this node.
    """
    message = possession_message(node, tls_key_bytes(public_key))
    try:
        public_key.verify(proof, message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise _not_proved(node, "tls certificate") from None


def _not_proved(node: str, what: str) -> Refusal:
    return Refusal(
        Code.UNAUTHENTICATED,
        f"{what}: its proof of possession is not one by this key for {node}; the node that holds "
        "the key makes one",
    )
