"""Who signs: `did:web` of a node, `did:key` of anybody, and the keys that they name.

A DID document lists each key twice: as Multikey for Data Integrity proofs, as JsonWebKey for JOSE,
since readers of the one often know nothing of the other (W3C Controlled Identifiers 1.0).
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from node.documents.strict_json import Json, read_object
from node.errors import Code, Refusal

_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_ED25519: Final = b"\xed\x01"  # multicodec ed25519-pub
_KEY_SIZE_BYTES: Final = 32
_MULTIBASE_LENGTH_MAX: Final = 128
_METHODS_MAX: Final = 64
_WEB: Final = "did:web:"
_ADDRESS: Final = re.compile(
    r"https://[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:(?P<port>[1-9][0-9]{0,4}))?(/[A-Za-z0-9._~-]+)*/?"
)
_KEY: Final = "did:key:"
_CONTEXT: Final = (
    "https://www.w3.org/ns/did/v1",
    "https://w3id.org/security/multikey/v1",
    "https://w3id.org/security/jwk/v1",
)

PublicKeys = Mapping[str, Ed25519PublicKey]
"""Keys by the id of their verification method: a DID, #, a fragment."""


def multibase(data: bytes) -> str:
    """Return bytes in base58 with the z before it (multibase base58btc)."""
    number, digits = int.from_bytes(data), ""
    while number:
        number, digit = divmod(number, 58)
        digits = _BASE58[digit] + digits
    return "z" + "1" * (len(data) - len(data.lstrip(b"\0"))) + digits


def read_multibase(text: object, name: str) -> bytes:
    """Read what `multibase` writes.

    Raises:
        Refusal: MALFORMED where it is something else.
    """
    if not isinstance(text, str) or not text.startswith("z") or len(text) > _MULTIBASE_LENGTH_MAX:
        raise Refusal(Code.MALFORMED, f"{name}: must be base58 with a z before it")
    digits, number = text[1:], 0
    for digit in digits:
        value = _BASE58.find(digit)
        if value < 0:
            raise Refusal(Code.MALFORMED, f"{name}: must be base58 with a z before it")
        number = number * 58 + value
    zeros = len(digits) - len(digits.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8)


def base64url(data: bytes) -> str:
    """Return bytes in base64url without padding (RFC 7515)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def read_base64url(text: str, name: str) -> bytes:
    """Read what `base64url` writes; no other spelling of the same bytes.

    Raises:
        Refusal: MALFORMED where it is something else.
    """
    try:
        found = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except ValueError:
        found = b""
    if base64url(found) != text:
        raise Refusal(Code.MALFORMED, f"{name}: must be base64url without padding")
    return found


def multikey(public_key: Ed25519PublicKey) -> str:
    """Return an Ed25519 key as Multikey spells it (z6Mk…)."""
    return multibase(_ED25519 + public_key.public_bytes_raw())


def jwk(public_key: Ed25519PublicKey) -> dict[str, str]:
    """Return an Ed25519 key as JWK (RFC 8037)."""
    return {"kty": "OKP", "crv": "Ed25519", "x": base64url(public_key.public_bytes_raw())}


def did_web(url: str) -> str:
    """Return the DID of whoever holds an address, like https://xa.example or with a path.

    Raises:
        Refusal: MALFORMED where it is no https address of a host, with at most port and path.
    """
    parts = urlsplit(url)
    named = _ADDRESS.fullmatch(url)
    if named is None or not parts.hostname:
        raise Refusal(Code.MALFORMED, "documents.url: must be an address like https://xa.example")
    host = parts.hostname + (f"%3A{named['port']}" if named["port"] else "")
    path = [one for one in parts.path.split("/") if one]
    return _WEB + ":".join((host, *path))


def did_key(public_key: Ed25519PublicKey) -> str:
    """Return the DID that is a key itself (did:key)."""
    return _KEY + multikey(public_key)


def did_document(did: str, keys: Sequence[Ed25519PublicKey]) -> Json:
    """Return the DID document of a node: every key that it signs documents with, or has."""
    methods: list[dict[str, Any]] = []
    for key in keys:
        methods.append(
            {
                "id": f"{did}#{multikey(key)}",
                "type": "Multikey",
                "controller": did,
                "publicKeyMultibase": multikey(key),
            }
        )
        methods.append(
            {
                "id": jose_method(did, key),
                "type": "JsonWebKey",
                "controller": did,
                "publicKeyJwk": jwk(key),
            }
        )
    return {
        "@context": list(_CONTEXT),
        "id": did,
        "verificationMethod": methods,
        "assertionMethod": [method["id"] for method in methods],
    }


def jose_method(did: str, key: Ed25519PublicKey) -> str:
    """Return the id under which a DID document lists a key as JWK."""
    return f"{did}#jwk-{multikey(key)}"


def read_did_document(content: bytes) -> tuple[str, dict[str, Ed25519PublicKey]]:
    """Read a DID document; returns the DID, and the keys that it may sign documents with.

    Keys of other kinds are left out: nothing is verified with them here.

    Raises:
        Refusal: MALFORMED where it is none, or a key that it lists is none.
    """
    document = read_object(content, "DID document")
    did, methods = document.get("id"), document.get("verificationMethod", [])
    asserting = document.get("assertionMethod", [])
    if not isinstance(did, str) or not did.startswith("did:"):
        raise Refusal(Code.MALFORMED, "DID document: id must be a DID")
    if not isinstance(methods, list) or not isinstance(asserting, list):
        raise Refusal(Code.MALFORMED, "DID document: its methods must be lists")
    if len(methods) + len(asserting) > 2 * _METHODS_MAX:
        raise Refusal(Code.MALFORMED, f"DID document: more than {_METHODS_MAX} keys")
    embedded = [one for one in asserting if isinstance(one, dict)]
    wanted = [one for one in methods if isinstance(one, dict) and one.get("id") in asserting]
    return did, dict(_keys_of(did, wanted + embedded))


def _keys_of(did: str, methods: Iterable[Json]) -> Iterable[tuple[str, Ed25519PublicKey]]:
    for method in methods:
        name = method.get("id")
        if not isinstance(name, str) or method.get("controller") != did:
            continue
        if not name.startswith(f"{did}#"):
            continue
        listed = method.get("publicKeyJwk")
        if method.get("type") == "Multikey":
            yield name, _multikey(method.get("publicKeyMultibase"))
        elif isinstance(listed, dict) and listed.get("crv") == "Ed25519":
            yield name, public_jwk(listed)


def resolve_did_key(method: str) -> tuple[str, Ed25519PublicKey] | None:
    """Return the DID and the key of a verification method of `did:key`; None of any other.

    Raises:
        Refusal: MALFORMED where it is a did:key of no Ed25519 key.
    """
    if not method.startswith(_KEY):
        return None
    did, _, fragment = method.partition("#")
    if fragment not in {"", did.removeprefix(_KEY)}:
        raise Refusal(Code.MALFORMED, "verificationMethod: did:key names one key only, its own")
    return did, _multikey(did.removeprefix(_KEY))


def public_jwk(listed: Json) -> Ed25519PublicKey:
    """Read the public half of an Ed25519 key as JWK.

    Raises:
        Refusal: MALFORMED where it is another key, or a private one.
    """
    x = listed.get("x")
    if (listed.get("kty"), listed.get("crv")) != ("OKP", "Ed25519") or not isinstance(x, str):
        raise Refusal(Code.MALFORMED, "JWK: must be an Ed25519 key (kty OKP, crv Ed25519, x)")
    if "d" in listed:
        raise Refusal(Code.MALFORMED, "JWK: holds the private half; give the public one")
    return _public_key(read_base64url(x, "JWK"))


def _multikey(text: object) -> Ed25519PublicKey:
    found = read_multibase(text, "Multikey")
    if not found.startswith(_ED25519):
        raise Refusal(Code.MALFORMED, "Multikey: must be an Ed25519 key, z6Mk…")
    return _public_key(found.removeprefix(_ED25519))


def _public_key(found: bytes) -> Ed25519PublicKey:
    if len(found) != _KEY_SIZE_BYTES:
        raise Refusal(Code.MALFORMED, "key: must be an Ed25519 key of 32 bytes")
    return Ed25519PublicKey.from_public_bytes(found)
