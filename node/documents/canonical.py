"""Canonical forms: of JSON (RFC 8785) and of the statements in JSON-LD (RDFC-1.0), bounded."""

from typing import Any, Final, NoReturn

import rfc8785
from pyld import jsonld
from pyld.canon import URDNA2015

from node.documents import contexts
from node.documents.strict_json import Json
from node.errors import Code, Refusal

_STEPS_MAX: Final = 20_000
_NODE_KEYS: Final = ("@id", "@type")


def canonical_json(document: Json) -> bytes:
    """Return a document in the one form that all who sign it agree on (JCS, RFC 8785).

    Raises:
        Refusal: MALFORMED where it holds what has no such form.
    """
    try:
        return rfc8785.dumps(document)
    except rfc8785.CanonicalizationError:
        raise Refusal(Code.MALFORMED, "document: has no canonical form (RFC 8785)") from None


def canonical_statements(document: Json) -> bytes:
    """Return what a JSON-LD document states, as canonical N-Quads (RDFC-1.0).

    Raises:
        Refusal: MALFORMED where any word of it has no meaning under its contexts, since that word
            would not be signed; or where its form takes too long to find.
    """
    options: Any = {"base": None, "documentLoader": _load, "processingMode": "json-ld-1.1"}
    try:
        expanded = jsonld.expand(document, options, on_property_dropped=_dropped)
        _require_absolute(expanded)
        dataset = jsonld.to_rdf(expanded, options)
        found = _Bounded().main(dataset, {"format": "application/n-quads"})
    except (jsonld.JsonLdError, RecursionError, TypeError, ValueError, KeyError, AttributeError):
        # Whatever a stranger's document makes of the library; what it says may be personal.
        raise Refusal(Code.MALFORMED, "document: is no JSON-LD under its contexts") from None
    return str(found).encode()


class _Bounded(URDNA2015):  # type: ignore[misc] # it ships no types
    """Canonicalisation that gives up on graphs made to take for ever."""

    def __init__(self) -> None:
        super().__init__()
        self._steps = 0

    def hash_n_degree_quads(self, id_: str, issuer: object) -> Any:  # noqa: ANN401 - the library's own
        self._steps += 1 + len(self.blank_node_info[id_]["quads"])
        if self._steps > _STEPS_MAX:
            raise Refusal(Code.MALFORMED, "document: too many of its parts are alike")
        return super().hash_n_degree_quads(id_, issuer)


def _load(url: str, _: object) -> Json:
    return {
        "contentType": "application/ld+json",
        "contextUrl": None,
        "documentUrl": url,
        "document": contexts.load(url),
    }


def _dropped(*_: object) -> NoReturn:
    raise Refusal(Code.MALFORMED, "document: a word of it is defined by none of its contexts")


def _require_absolute(value: object) -> None:
    """Require that no name is relative: such names vanish from what is signed."""
    if isinstance(value, list):
        for one in value:
            _require_absolute(one)
    elif isinstance(value, dict):
        for key in _NODE_KEYS:
            names = value.get(key, [])
            for name in [names] if isinstance(names, str) else names:
                if "@value" not in value and ":" not in str(name):
                    raise Refusal(
                        Code.MALFORMED, f"document: an {key[1:]} of it is no absolute name"
                    )
        for one in value.values():
            _require_absolute(one)
