"""The description of the routes of open documents (OpenAPI 3.1)."""

from typing import Any, Final

from node.documents.data_integrity import Suite
from node.documents.shapes import Format
from node.documents.status_list import StatusPurpose
from node.edge.documents import EXPORT_PATH, TYPES, VC_API
from node.errors import Code
from node.flows.documents import STATUS_PATH
from node.wire.codec import GROUND_LENGTH_MAX

Json = dict[str, Any]

_TAG: Final = ["documents"]
_OBJECT: Final[Json] = {"type": "object"}
_STATUS: Final = {
    Code.MALFORMED: "400",
    Code.UNAUTHENTICATED: "401",
    Code.UNTRUSTED: "403",
    Code.UNKNOWN: "404",
    Code.CONFLICT: "409",
    Code.DEFECT: "500",
    Code.STALE: "503",
}
_PUBLIC: Final = (Code.UNKNOWN, Code.DEFECT, Code.STALE)


def document_paths(prefix: str, *, vc_api: bool) -> Json:
    """Return the paths of an OpenAPI document; `prefix` is that of the node's own address."""
    own = f"{prefix}/did.json" if prefix else "/.well-known/did.json"
    found = {
        own: {
            "get": {
                "operationId": "readDidDocument",
                "summary": "Take the keys that sign this node's documents (did:web)",
                "tags": _TAG,
                "responses": {
                    "200": _content("The DID document", ["application/did+json"]),
                    **_refused((Code.DEFECT, Code.STALE)),
                },
            }
        },
        f"{prefix}{STATUS_PATH}{{list}}/{{purpose}}": {
            "parameters": [
                _parameter("list", {"type": "integer", "minimum": 0, "maximum": 999_999_999}),
                _parameter("purpose", {"enum": [one.value for one in StatusPurpose]}),
            ],
            "get": {
                "operationId": "readStatusList",
                "summary": "Take a status list of documents (Bitstring Status List v1.0)",
                "tags": _TAG,
                "responses": {
                    "200": _content("The signed list", ["application/vc"]),
                    **_refused(_PUBLIC),
                },
            },
        },
        EXPORT_PATH: _export(),
    }
    return found | (_vc_api() if vc_api else {})


def _export() -> Json:
    schema = {
        "type": "object",
        "additionalProperties": False,
        "required": ["number", "format", "ground"],
        "properties": {
            "number": {"type": "string", "minLength": 1, "description": "The credential's number"},
            "format": {"enum": [one.value for one in Format]},
            "ground": {
                "type": "string",
                "minLength": 1,
                "maxLength": GROUND_LENGTH_MAX,
                "description": "What for; it is journalled, so name no person",
            },
            "suite": {"enum": [one.value for one in Suite], "default": Suite.RDFC.value},
            "holder_key": {
                "type": ["object", "null"],
                "description": "Public key (JWK) of the holder, who alone can show the SD-JWT VC",
            },
        },
    }
    return _post(
        "exportDocument",
        "Take a credential as an open document; for the authority's own systems",
        schema,
        {"200": _content("The document", sorted(set(TYPES.values())))},
    )


def _vc_api() -> Json:
    issue, verify, presentation = VC_API
    verified = {"200": _content("What was found", ["application/json"])}
    return {
        issue: _post(
            "issueAsNobody",
            "Have a credential signed by a key that is nobody's (W3C VC-API, for tests)",
            _asking("credential"),
            {"201": _content("The signed credential", ["application/json"])},
        ),
        verify: _post(
            "verifyDocument",
            "Verify a credential (W3C VC-API)",
            _asking("verifiableCredential"),
            verified,
        ),
        presentation: _post(
            "verifyPresentation",
            "Verify a presentation (W3C VC-API)",
            _asking("verifiablePresentation"),
            verified,
        ),
    }


def _asking(name: str) -> Json:
    either = {"type": ["object", "string"]} if name != "credential" else _OBJECT
    return {
        "type": "object",
        "required": [name],
        "properties": {name: either, "options": _OBJECT},
    }


def _post(operation: str, summary: str, schema: Json, said: Json) -> Json:
    refused = tuple(_STATUS) if operation == "exportDocument" else (*_CLOSED, Code.MALFORMED)
    return {
        "post": {
            "operationId": operation,
            "summary": summary,
            "tags": _TAG,
            "security": [{"key": []}],
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": schema}},
            },
            "responses": {
                **said,
                **_refused(refused),
                "415": {"$ref": "#/components/responses/415"},
            },
        }
    }


_CLOSED: Final = (Code.UNAUTHENTICATED, Code.UNTRUSTED, Code.DEFECT, Code.STALE)


def _content(description: str, types: list[str]) -> Json:
    content = {one: {"schema": {"type": "string"} if "jwt" in one else _OBJECT} for one in types}
    return {"description": description, "content": content}


def _parameter(name: str, schema: Json) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _refused(codes: tuple[Code, ...]) -> Json:
    return {_STATUS[code]: {"$ref": f"#/components/responses/{code.value}"} for code in codes}
