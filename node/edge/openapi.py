"""The description of the HTTP API (OpenAPI 3.1), from the Structs that check its bodies."""

from datetime import UTC, date, datetime
from typing import Any, Final

import msgspec

import node
from node.edge.bodies import (
    HTTP_REFUSALS,
    ID_PATTERN,
    PROBLEM_TYPE_PREFIX,
    SHARE_CODE_EXAMPLE,
    TITLES,
    VERIFICATIONS_PATH,
    Disclosed,
    Fitness,
    Liveness,
    Problem,
    Verification,
    VerificationRequest,
)
from node.errors import Code
from node.wire.refusals import HTTP_STATUS

RECEIPT_TYPE: Final = "application/vnd.symbolon.receipt+json"
PROBLEM_TYPE: Final = "application/problem+json"

Json = dict[str, Any]

_ID: Final = "00000000000007d54f0c1d9a7be24c53a1f60d8e92b7c340"
_ASKED_AT: Final = datetime(2026, 11, 23, 9, 0, 0, 120_000, tzinfo=UTC)
_ANSWERED_AT: Final = datetime(2026, 11, 23, 9, 0, 0, 161_500, tzinfo=UTC)
_GOOD_UNTIL: Final = datetime(2026, 11, 24, 9, 0, 0, 140_250, tzinfo=UTC)

_REQUEST: Final = VerificationRequest(
    share_code=SHARE_CODE_EXAMPLE,
    birth_date=date(1990, 4, 17),
    purpose="employment",
    wanted=("holder_name", "title", "level_eqf", "units"),
)
_CONFIRMED: Final = Verification(
    id=_ID,
    state="answered",
    asked_at=_ASKED_AT,
    answered_at=_ANSWERED_AT,
    answering_node="XB",
    outcome="confirmed",
    rule=None,
    disclosed=Disclosed(
        holder_name="Amina Diallo",
        title="Welder, gas-shielded arc",
        level_eqf="4",
        units=("W-135 MAG welding", "W-141 TIG welding"),
    ),
    registry_position=48_213,
    evaluated_at=datetime(2026, 11, 23, 9, 0, 0, 140_250, tzinfo=UTC),
    good_until=_GOOD_UNTIL,
    no_answer=None,
    meaning="Skills Authority of XB confirms that this qualification exists, belongs to the "
    "person born on the date you gave and is valid as of 2026-11-23 09:00 UTC; ask again to know "
    "it after 2026-11-24 09:00 UTC.",
    receipt=f"{VERIFICATIONS_PATH}/{_ID}/receipt",
)
_OPEN: Final = Verification(
    id=_ID,
    state="open",
    asked_at=_ASKED_AT,
    answered_at=None,
    answering_node="XB",
    outcome=None,
    rule=None,
    disclosed=Disclosed(),
    registry_position=None,
    evaluated_at=None,
    good_until=None,
    no_answer=None,
    meaning="Skills Authority of XB has not answered yet; the question stays open and is sent "
    "again by itself until 2026-11-23 09:05 UTC, so look here again.",
    receipt=None,
)

_OWN: Final = (Code.UNAUTHENTICATED, Code.UNKNOWN, Code.STALE, Code.DEFECT)
_WHEN: Final[dict[Code, str]] = {
    Code.MALFORMED: "The request is not as described here",
    Code.UNAUTHENTICATED: "The API key is missing, unknown or revoked",
    Code.UNTRUSTED: "No agreement in force covers this question",
    Code.UNKNOWN: "No such node, verification or receipt for this API key",
    Code.CONFLICT: "An identifier was used again for something else",
    Code.BUSY: "Over quota",
    Code.STALE: "This node's trust list, clock or disk is out of bounds",
    Code.PEER_SILENT: "The other node cannot be reached",
    Code.PEER_FALSE: "The other node's answer failed its checks and is kept as evidence",
    Code.DEFECT: "Anything else; the problem carries the id of its log entry",
}
_HEADERS: Final[dict[Code, Json]] = {
    Code.UNAUTHENTICATED: {
        "WWW-Authenticate": {"required": True, "schema": {"type": "string"}},
    },
    Code.BUSY: {
        "Retry-After": {
            "description": "Seconds to wait, where known",
            "schema": {"type": "integer", "minimum": 1},
        }
    },
}


def document(node_id: str) -> Json:
    """Return the OpenAPI document of a node's HTTP API, ready to be written as JSON."""
    bodies = (VerificationRequest, Verification, Problem, Fitness, Liveness)
    _, schemas = msgspec.json.schema_components(bodies, ref_template="#/components/schemas/{name}")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Symbolon node {node_id}",
            "version": node.__version__,
            "summary": "Verify a trade qualification across a border.",
            "description": "Ask with a share code that the holder gave you. Refusals are problems "
            "(RFC 9457); a “no” about a qualification is no refusal but an answer, with a receipt.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": f"Node {node_id}"}],
        "tags": [
            {"name": "verifications", "description": "For employers and their systems"},
            {"name": "journal", "description": "Public"},
            {"name": "operation", "description": "For those who run the node"},
        ],
        "security": [],
        "paths": {**_verification_paths(), **_open_paths()},
        "components": {
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key of this node, issued to one employer.",
                }
            },
            "schemas": schemas,
            "responses": {
                **{code.value: _refusal(code) for code in Code},
                **{str(status): _http_refusal(status) for status in HTTP_REFUSALS},
            },
        },
    }


def _verification_paths() -> Json:
    return {
        VERIFICATIONS_PATH: {"post": _ask()},
        f"{VERIFICATIONS_PATH}/{{id}}": {
            "parameters": [_id_parameter()],
            "get": {
                "operationId": "readVerification",
                "summary": "Look at a question again",
                "description": "Only the API key that asked sees it.",
                "tags": ["verifications"],
                "security": [{"key": []}],
                "responses": {
                    "200": _verification("The question and what came of it", _CONFIRMED),
                    **_refusals(_OWN),
                },
            },
        },
        f"{VERIFICATIONS_PATH}/{{id}}/receipt": {
            "parameters": [_id_parameter()],
            "get": {
                "operationId": "readReceipt",
                "summary": "Take the receipt of an answered question",
                "description": "One file that proves question and answer offline, for years.",
                "tags": ["verifications"],
                "security": [{"key": []}],
                "responses": {
                    "200": {
                        "description": "The receipt, as an attachment",
                        "headers": {
                            "Content-Disposition": {
                                "required": True,
                                "schema": {"type": "string"},
                            }
                        },
                        "content": {RECEIPT_TYPE: {"schema": {"type": "object"}}},
                    },
                    **_refusals(_OWN),
                },
            },
        },
    }


def _ask() -> Json:
    codes = tuple(Code)
    located = {
        "Location": {
            "description": "Where to look again",
            "required": True,
            "schema": {"type": "string"},
        },
        "Retry-After": {
            "description": "Seconds after which to look again",
            "required": True,
            "schema": {"type": "integer", "minimum": 1},
        },
    }
    return {
        "operationId": "ask",
        "summary": "Ask about a worker's qualification",
        "description": "Returns the answer of the other country's authority, or 202 where that "
        "node is silent for now; it is then asked again without your doing.",
        "tags": ["verifications"],
        "security": [{"key": []}],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": _reference(VerificationRequest),
                    "examples": {"welder": {"value": msgspec.to_builtins(_REQUEST)}},
                }
            },
        },
        "responses": {
            "200": {
                **_verification("The question is closed", _CONFIRMED),
                "links": _links(),
            },
            "202": {
                **_verification("The other node has not answered yet", _OPEN),
                "headers": located,
                "links": _links(),
            },
            **_refusals(codes),
            **{str(status): _response(str(status)) for status in (413, 415)},
        },
    }


def _open_paths() -> Json:
    alive = {"200": _json("The process runs", Liveness)}
    ready = {
        "200": _json("Fit to ask and answer", Fitness),
        "503": _json("Not fit; the checks say why", Fitness),
    }
    text = {"text/plain": {"schema": {"type": "string"}}}
    described = {"application/json": {"schema": {"type": "object"}}}
    return {
        "/journal/checkpoint": _get(
            "readCheckpoint",
            "Take the signed head of this node's journal (C2SP signed note)",
            "journal",
            {"200": {"description": "The checkpoint", "content": text}},
        ),
        "/health/alive": _get("readLiveness", "Tell whether the process runs", "operation", alive),
        "/health/ready": _get(
            "readReadiness", "Tell whether the node is fit to ask and answer", "operation", ready
        ),
        "/metrics": _get(
            "readMetrics",
            "Take the node's metrics (Prometheus text format)",
            "operation",
            {"200": {"description": "The metrics", "content": text}},
        ),
        "/openapi.json": _get(
            "readDescription",
            "Take this description",
            "operation",
            {"200": {"description": "OpenAPI 3.1", "content": described}},
        ),
    }


def _get(operation: str, summary: str, tag: str, responses: Json) -> Json:
    return {
        "get": {
            "operationId": operation,
            "summary": summary,
            "tags": [tag],
            "responses": {**responses, **_refusals((Code.DEFECT,))},
        }
    }


def _id_parameter() -> Json:
    return {
        "name": "id",
        "in": "path",
        "required": True,
        "description": "The id that the verification carries",
        "schema": {"type": "string", "pattern": f"^{ID_PATTERN}$"},
        "example": _ID,
    }


def _links() -> Json:
    again = {"operationId": "readVerification", "parameters": {"id": "$response.body#/id"}}
    return {"verification": again}


def _verification(description: str, example: Verification) -> Json:
    named = {example.outcome or example.state: {"value": msgspec.to_builtins(example)}}
    content = {"schema": _reference(Verification), "examples": named}
    return {"description": description, "content": {"application/json": content}}


def _json(description: str, body: type[msgspec.Struct]) -> Json:
    return {
        "description": description,
        "content": {"application/json": {"schema": _reference(body)}},
    }


def _reference(body: type[msgspec.Struct]) -> Json:
    return {"$ref": f"#/components/schemas/{body.__name__}"}


def _response(name: str) -> Json:
    return {"$ref": f"#/components/responses/{name}"}


def _refusals(codes: tuple[Code, ...]) -> Json:
    return {str(HTTP_STATUS[code]): _response(code.value) for code in codes}


def _refusal(code: Code) -> Json:
    described = _problem(HTTP_STATUS[code], code, _WHEN[code], _WHEN[code])
    return {**described, "headers": _HEADERS.get(code, {})}


def _http_refusal(status: int) -> Json:
    code, reason = HTTP_REFUSALS[status]
    return _problem(status, code, reason, reason[0].upper() + reason[1:])


def _problem(status: int, code: Code, detail: str, description: str) -> Json:
    example = Problem(PROBLEM_TYPE_PREFIX + code.value, TITLES[code], status, detail)
    content = {"schema": _reference(Problem), "example": msgspec.to_builtins(example)}
    return {"description": description, "content": {PROBLEM_TYPE: content}}
