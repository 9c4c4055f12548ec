"""SD-JWT (RFC 9901): claims that the holder shows one by one, and proof that the holder shows them.

token~disclosure~disclosure~            as issued, and as shown
token~disclosure~key-binding-token      shown by the holder of the key that it is bound to
"""

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any, Final

from msgspec import Struct

from node.documents.did import base64url, public_jwk, read_base64url
from node.documents.jose import Token, check_token, read_token, sign_token
from node.documents.keys import DocumentSigner
from node.documents.strict_json import Json, read_object
from node.errors import Code, Refusal

TYPE: Final = "dc+sd-jwt"
_TYPES: Final = frozenset({TYPE, "vc+sd-jwt"})  # the second is how drafts called it
_BINDING_TYPES: Final = frozenset({"kb+jwt"})
_HASH: Final = "sha-256"
_SALT_SIZE_BYTES: Final = 16
_DISCLOSURES_MAX: Final = 200
_SD: Final = "_sd"
_ELEMENT: Final = "..."
_PAIR, _TRIPLE = 2, 3


class Presented(Struct, frozen=True):
    """An SD-JWT taken apart: what it says with what is disclosed, and the holder's token."""

    token: Token
    claims: Json
    binding: Token | None
    shown: str


def issue(
    visible: Json,
    selective: Json,
    signer: DocumentSigner,
    randomness: Callable[[int], bytes],
) -> str:
    """Return a signed SD-JWT; each of the selective claims can be shown or kept back by itself."""
    disclosures = [
        _spelled([base64url(randomness(_SALT_SIZE_BYTES)), name, value])
        for name, value in selective.items()
    ]
    claims = {
        **visible,
        _SD: sorted(_digest(one) for one in disclosures),
        "_sd_alg": _HASH,
    }
    header = {"typ": TYPE, "kid": signer.jose_method}
    return "~".join((sign_token(header, json.dumps(claims).encode(), signer.key), *disclosures, ""))


def read(text: str) -> Presented:
    """Take an SD-JWT apart and put what is disclosed in its place.

    Raises:
        Refusal: MALFORMED where it is none, or a disclosure is not one that its token asks for.
    """
    compact, *disclosures, last = text.split("~")
    if len(disclosures) > _DISCLOSURES_MAX:
        raise Refusal(Code.MALFORMED, f"SD-JWT: more than {_DISCLOSURES_MAX} disclosures")
    token = read_token(compact, _TYPES)
    if token.claims.get("_sd_alg", _HASH) != _HASH:
        raise Refusal(Code.UNTRUSTED, f"_sd_alg: must be {_HASH}")
    by_digest = {_digest(one): _disclosure(one) for one in disclosures}
    if len(by_digest) != len(disclosures):
        raise Refusal(Code.MALFORMED, "SD-JWT: the same disclosure stands in it twice")
    unpacking = _Unpacking(by_digest)
    claims = unpacking.value({k: v for k, v in token.claims.items() if k != "_sd_alg"})
    if unpacking.left:
        raise Refusal(Code.MALFORMED, "SD-JWT: a disclosure is none that its token asks for")
    shown = text.removesuffix(last)
    return Presented(token, claims, read_token(last, _BINDING_TYPES) if last else None, shown)


def check_binding(presented: Presented, audience: str | None, nonce: str | None) -> None:
    """Check that the holder of the bound key shows it, now and here.

    Args:
        presented: with a holder's token.
        audience: whom it must be shown to; None: whom it says.
        nonce: what the one who asked gave; None: whatever it says.

    Raises:
        Refusal: UNAUTHENTICATED where it does not hold, MALFORMED where it is no such token.
    """
    confirmed, binding = presented.claims.get("cnf"), presented.binding
    if binding is None:
        raise Refusal(Code.UNAUTHENTICATED, "key binding: the holder's token is missing")
    if not isinstance(confirmed, dict) or not isinstance(confirmed.get("jwk"), dict):
        raise Refusal(Code.MALFORMED, "cnf: names no key that the holder could show it with")
    check_token(binding, public_jwk(confirmed["jwk"]))
    if binding.claims.get("sd_hash") != hash_of(presented.shown):
        raise Refusal(Code.UNAUTHENTICATED, "sd_hash: is of other disclosures")
    for name, wanted in (("aud", audience), ("nonce", nonce)):
        found = binding.claims.get(name)
        if not isinstance(found, str) or (wanted is not None and found != wanted):
            raise Refusal(Code.UNAUTHENTICATED, f"{name}: it was shown to, or for, something else")


def hash_of(disclosed: str) -> str:
    """Return what a holder's token says of what it is shown with (`sd_hash`)."""
    return _digest(disclosed)


class _Unpacking:
    """Puts disclosed claims where their digests stand (RFC 9901, 7.1)."""

    def __init__(self, by_digest: dict[str, list[Any]]) -> None:
        self.left = dict(by_digest)
        self._seen: set[str] = set()

    def value(self, value: Any) -> Any:  # noqa: ANN401 - any JSON
        if isinstance(value, list):
            return [one for element in value for one in self._element(element)]
        if not isinstance(value, dict):
            return value
        if _ELEMENT in value:
            raise Refusal(Code.MALFORMED, f"{_ELEMENT}: stands where no element of a list does")
        found = {name: self.value(one) for name, one in value.items() if name != _SD}
        for digest in self._digests(value.get(_SD, [])):
            disclosed = self._take(digest, _TRIPLE)
            if disclosed is None:
                continue
            name = disclosed[1]
            if not isinstance(name, str) or name in found or name in {_SD, _ELEMENT, "_sd_alg"}:
                raise Refusal(Code.MALFORMED, "SD-JWT: a disclosure takes the place of a claim")
            found[name] = self.value(disclosed[2])
        return found

    def _element(self, element: Any) -> list[Any]:  # noqa: ANN401 - any JSON
        if not isinstance(element, dict) or _ELEMENT not in element:
            return [self.value(element)]
        if len(element) != 1:
            raise Refusal(Code.MALFORMED, f"{_ELEMENT}: must stand alone")
        (digest,) = self._digests([element[_ELEMENT]])
        disclosed = self._take(digest, _PAIR)
        return [] if disclosed is None else [self.value(disclosed[1])]

    def _digests(self, listed: object) -> list[str]:
        if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
            raise Refusal(Code.MALFORMED, f"{_SD}: must be a list of digests")
        if len(set(listed)) != len(listed) or self._seen & set(listed):
            raise Refusal(Code.MALFORMED, f"{_SD}: names a digest twice")
        self._seen.update(listed)
        return listed

    def _take(self, digest: str, length: int) -> list[Any] | None:
        disclosed = self.left.pop(digest, None)
        if disclosed is not None and len(disclosed) != length:
            raise Refusal(Code.MALFORMED, "SD-JWT: a disclosure stands in the wrong place")
        return disclosed


def _spelled(disclosure: list[Any]) -> str:
    return base64url(json.dumps(disclosure, ensure_ascii=False).encode())


def _disclosure(text: str) -> list[Any]:
    # Within an object, since that is what is read strictly.
    content = read_base64url(text, "disclosure")
    found = read_object(b'{"of":%b}' % content, "disclosure")
    listed = found.get("of")
    if set(found) != {"of"} or not isinstance(listed, list) or len(listed) not in {_PAIR, _TRIPLE}:
        raise Refusal(Code.MALFORMED, "disclosure: must be salt, name and value")
    if not isinstance(listed[0], str):
        raise Refusal(Code.MALFORMED, "disclosure: its salt must be text")
    return listed


def _digest(text: str) -> str:
    return base64url(sha256(text.encode("ascii", "replace")).digest())
