"""Signed tokens (JWS, RFC 7515): Ed25519 only, and nothing in a header that is not understood."""

from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from msgspec import Struct

from node.documents.did import read_base64url
from node.documents.strict_json import SIZE_MAX_BYTES, Json, read_object
from node.errors import Code, Refusal

ALGORITHM: Final = "Ed25519"
_ALGORITHMS: Final = (ALGORITHM, "EdDSA")  # the second is the older name of the first (RFC 9864)
_HEADER_MEMBERS: Final = {"alg", "typ", "cty", "kid", "iss", "jwk"}
_HEADER_SIZE_MAX_BYTES: Final = 4_096
_PARTS: Final = 3


class _Registry(jws.JWSRegistry):
    max_header_length = _HEADER_SIZE_MAX_BYTES
    max_payload_length = SIZE_MAX_BYTES

    def get_alg(self, name: str) -> Any:  # noqa: ANN401 - the library keeps its type to itself
        """Return Ed25519 for both of its names; no key here is of another curve."""
        return super().get_alg(ALGORITHM if name in _ALGORITHMS else name)


_REGISTRY: Final = _Registry(algorithms=_ALGORITHMS, strict_check_header=False)


class Token(Struct, frozen=True):
    """A token whose form and header are right, before its signature is looked at."""

    compact: str
    header: Json
    claims: Json

    @property
    def kid(self) -> str:
        """Which key signed it, as it says; empty where it does not."""
        kid = self.header.get("kid", "")
        return kid if isinstance(kid, str) else ""


def sign_token(header: Json, claims: bytes, key: Ed25519PrivateKey) -> str:
    """Return a compact token; the algorithm is added to the header."""
    held = OKPKey.import_key(key)
    return jws.serialize_compact({"alg": ALGORITHM, **header}, claims, held, registry=_REGISTRY)


def read_token(compact: str, types: frozenset[str]) -> Token:
    """Read a token, its header before anything else.

    Args:
        compact: three parts with dots between.
        types: what `typ` may be.

    Raises:
        Refusal: MALFORMED where it is none, UNTRUSTED where its header asks for what is not done
            here: another algorithm or none, critical members, another type.
    """
    parts = compact.split(".")
    if len(parts) != _PARTS or len(compact) > 2 * SIZE_MAX_BYTES:
        raise Refusal(Code.MALFORMED, "token: must be three parts with dots between")
    header = read_object(read_base64url(parts[0], "token header"), "token header")
    if header.get("alg") not in _ALGORITHMS:
        raise Refusal(Code.UNTRUSTED, f"alg: must be {ALGORITHM} (or EdDSA)")
    if "crit" in header:
        raise Refusal(Code.UNTRUSTED, "crit: asks for what is not understood here")
    if set(header) - _HEADER_MEMBERS:
        raise Refusal(Code.UNTRUSTED, "token header: has members that are not understood here")
    if header.get("typ") not in tuple(types):
        raise Refusal(Code.UNTRUSTED, f"typ: must be {' or '.join(sorted(types))}")
    claims = read_object(read_base64url(parts[1], "token claims"), "token claims")
    return Token(compact, header, claims)


def check_token(token: Token, key: Ed25519PublicKey) -> None:
    """Check the signature of a token.

    Raises:
        Refusal: UNAUTHENTICATED where this key did not sign it.
    """
    try:
        jws.deserialize_compact(token.compact, OKPKey.import_key(key), registry=_REGISTRY)
    except (JoseError, ValueError):
        raise Refusal(Code.UNAUTHENTICATED, "token: this key did not sign it") from None
