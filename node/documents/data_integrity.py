"""Data Integrity proofs, eddsa-jcs-2022 and eddsa-rdfc-2022 (W3C vc-di-eddsa 1.0)."""

from collections.abc import Callable
from enum import StrEnum
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

from node.documents.canonical import canonical_json, canonical_statements
from node.documents.did import multibase, read_multibase
from node.documents.keys import DocumentSigner
from node.documents.strict_json import Json
from node.errors import Code, Refusal

ASSERTION: Final = "assertionMethod"
AUTHENTICATION: Final = "authentication"
_TYPE: Final = "DataIntegrityProof"
_SIGNATURE_SIZE_BYTES: Final = 64
_PROOF_MEMBERS: Final = {
    "@context",
    "challenge",
    "created",
    "cryptosuite",
    "domain",
    "expires",
    "id",
    "nonce",
    "proofPurpose",
    "proofValue",
    "type",
    "verificationMethod",
}


class Suite(StrEnum):
    """A cryptosuite: how what is signed is brought into one form."""

    JCS = "eddsa-jcs-2022"
    RDFC = "eddsa-rdfc-2022"


_CANONICAL: Final[dict[str, Callable[[Json], bytes]]] = {
    Suite.JCS.value: canonical_json,
    Suite.RDFC.value: canonical_statements,
}


class Proof(Struct, frozen=True):
    """A proof whose form is right, before its signature is looked at."""

    suite: str
    method: str
    purpose: str
    configuration: Json
    signature: bytes


def with_proof(document: Json, signer: DocumentSigner, suite: Suite, created: str) -> Json:
    """Return a document with a proof in it; `created` is a time like 2026-11-23T09:00:00Z."""
    configuration = {
        "type": _TYPE,
        "cryptosuite": suite.value,
        "created": created,
        "verificationMethod": signer.method,
        "proofPurpose": ASSERTION,
    }
    if suite is Suite.JCS:
        configuration["@context"] = document["@context"]
    signature = signer.key.sign(_hashed(document, configuration, suite.value))
    return {**document, "proof": {**configuration, "proofValue": multibase(signature)}}


def read_proof(document: Json, wanted: str) -> Proof:
    """Read the one proof of a document; `wanted` is what for it must have been made.

    Raises:
        Refusal: MALFORMED where it is none or there are several, UNTRUSTED where it is of a kind
            that is not verified here, UNAUTHENTICATED where it was made for something else.
    """
    proof = document.get("proof")
    if isinstance(proof, list) and len(proof) == 1:
        proof = proof[0]
    if not isinstance(proof, dict):
        raise Refusal(Code.MALFORMED, "proof: must be one proof")
    if set(proof) - _PROOF_MEMBERS:
        raise Refusal(Code.UNTRUSTED, "proof: has members that are not understood here")
    suite = proof.get("cryptosuite")
    if proof.get("type") != _TYPE or not isinstance(suite, str) or suite not in _CANONICAL:
        known = " or ".join(_CANONICAL)
        raise Refusal(Code.UNTRUSTED, f"proof: must be a {_TYPE} of {known}")
    method, purpose = proof.get("verificationMethod"), proof.get("proofPurpose")
    if not isinstance(method, str) or not isinstance(purpose, str):
        raise Refusal(Code.MALFORMED, "proof: must name verificationMethod and proofPurpose")
    if purpose != wanted:
        raise Refusal(Code.UNAUTHENTICATED, f"proofPurpose: must be {wanted}")
    signature = read_multibase(proof.get("proofValue"), "proofValue")
    if len(signature) != _SIGNATURE_SIZE_BYTES:
        raise Refusal(Code.MALFORMED, "proofValue: must be a signature of 64 bytes")
    configuration = {name: one for name, one in proof.items() if name != "proofValue"}
    return Proof(suite, method, purpose, configuration, signature)


def check_proof(document: Json, proof: Proof, key: Ed25519PublicKey) -> None:
    """Check the signature of a proof.

    Raises:
        Refusal: UNAUTHENTICATED where this key did not sign this document, MALFORMED where the
            document cannot be brought into the form that is signed.
    """
    unsecured = {name: one for name, one in document.items() if name != "proof"}
    own = proof.configuration.get("@context")
    if own is not None and own != document.get("@context"):
        raise Refusal(Code.UNAUTHENTICATED, "proof: was made under other contexts")
    try:
        key.verify(proof.signature, _hashed(unsecured, proof.configuration, proof.suite))
    except InvalidSignature:
        raise Refusal(Code.UNAUTHENTICATED, "proof: this key did not sign this document") from None


def _hashed(document: Json, configuration: Json, suite: str) -> bytes:
    canonical = _CANONICAL[suite]
    if "@context" not in document:
        raise Refusal(Code.MALFORMED, "@context: is missing")
    if suite == Suite.RDFC.value:
        configuration = {**configuration, "@context": document["@context"]}
    return sha256(canonical(configuration)).digest() + sha256(canonical(document)).digest()
