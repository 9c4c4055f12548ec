"""JSON-LD contexts: those that are shipped, pinned by digest, and no other; nothing is fetched.

A context says what the words of a document mean, so whoever can choose it can make a signed
document say something else. What is not shipped is not read.
"""

import json
from functools import cache
from hashlib import sha256
from importlib import resources
from typing import Any, Final

from node.documents.strict_json import Json
from node.errors import Code, Refusal

CREDENTIALS: Final = "https://www.w3.org/ns/credentials/v2"
OPEN_BADGES: Final = "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"
DATA_INTEGRITY: Final = "https://w3id.org/security/data-integrity/v2"
MULTIKEY: Final = "https://w3id.org/security/multikey/v1"
UNDEFINED_TERMS: Final = "https://www.w3.org/ns/credentials/undefined-terms/v2"

SHIPPED: Final = {
    CREDENTIALS: (
        "credentials-v2.json",
        "59955ced6697d61e03f2b2556febe5308ab16842846f5b586d7f1f7adec92734",
    ),
    OPEN_BADGES: (
        "open-badges-3.0.3.json",
        "3d34f4d4ef1bce691106e63798beb5e7b862ba841423f5ee1e53ab7ddf3bca84",
    ),
    DATA_INTEGRITY: (
        "data-integrity-v2.json",
        "67f21e6e33a6c14e5ccfd2fc7865f7474fb71a04af7e94136cb399dfac8ae8f4",
    ),
    MULTIKEY: (
        "multikey-v1.json",
        "ba2c182de2d92f7e47184bcca8fcf0beaee6d3986c527bf664c195bbc7c58597",
    ),
    UNDEFINED_TERMS: (
        "undefined-terms-v2.json",
        "82dab514ba44eb18f5d1b0f638c5e140c6a556fbfb5089601bdc0fa5eb8b2581",
    ),
}
"""Each context's file and the SHA-256 of its bytes, as its publisher has them."""

_ELSEWHERE: Final = {"@context", "verifiableCredential", "proof"}  # looked at by themselves
QUALIFICATION: Final[Json] = {"@vocab": "urn:symbolon:qualification:v1#"}
"""The words of `vc` documents, all those that W3C's context leaves free. It stands in each
document, so nobody needs it from elsewhere; strict readers take no more than this of that kind."""


def check_context(document: Json) -> None:
    """Require that every context of a document is one of those known here.

    Raises:
        Refusal: UNTRUSTED where one is not; MALFORMED where they do not stand where they must.
    """
    listed = document.get("@context")
    if not isinstance(listed, list) or not listed or listed[0] != CREDENTIALS:
        raise Refusal(Code.MALFORMED, f"@context: must be a list that begins with {CREDENTIALS}")
    for one in listed:
        if isinstance(one, str):
            if one not in SHIPPED:
                raise Refusal(
                    Code.UNTRUSTED,
                    "@context: names a context that is unknown here; none is fetched",
                )
        elif one != QUALIFICATION:
            raise _unknown_definition(one)
    below = {name: one for name, one in document.items() if name not in _ELSEWHERE}
    proof = document.get("proof")
    if isinstance(proof, dict):
        below["proof"] = {name: one for name, one in proof.items() if name != "@context"}
    _require_none_below(below)


def _unknown_definition(context: object) -> Refusal:
    again = sorted(_protected() & set(context)) if isinstance(context, dict) else []
    if again:
        reason = f"@context: redefines the protected term {again[0]}"
    else:
        reason = "@context: defines terms in a way that is unknown here"
    return Refusal(Code.UNTRUSTED, f"{reason}; what it says may not be what was meant")


@cache
def _protected() -> frozenset[str]:
    return frozenset(load(CREDENTIALS)["@context"])


def _require_none_below(value: object) -> None:
    if isinstance(value, dict):
        if "@context" in value:
            raise Refusal(Code.UNTRUSTED, "@context: stands below the top, where it could redefine")
        for one in value.values():
            _require_none_below(one)
    elif isinstance(value, list):
        for one in value:
            _require_none_below(one)


@cache
def load(url: str) -> Any:  # noqa: ANN401 - what a context holds is its publisher's
    """Return a shipped context.

    Raises:
        Refusal: UNTRUSTED where none is shipped under this address, DEFECT where its file is not
            what it was.
    """
    if url not in SHIPPED:
        raise Refusal(Code.UNTRUSTED, "@context: names a context that is unknown here")
    name, digest = SHIPPED[url]
    content = resources.files("node.documents").joinpath("shipped", name).read_bytes()
    if sha256(content).hexdigest() != digest:
        raise Refusal(Code.DEFECT, f"the shipped context {name} is not what it was")
    return json.loads(content)
