"""The description of the HTTP API (OpenAPI 3.1), from the Structs that check its bodies."""

from datetime import UTC, date, datetime
from typing import Any, Final

import msgspec

import node
from node.edge import cases, holder, watches
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
from node.edge.tiles import ENTRIES_ROUTE, HASHES_ROUTE, TILE_TYPE
from node.edge.trqp import (
    AUTHORIZATION_PATH,
    RECOGNITION_PATH,
    AuthorizationRequest,
    AuthorizationResponse,
    RecognitionRequest,
    RecognitionResponse,
    TrustListName,
)
from node.errors import Code
from node.wire.refusals import HTTP_STATUS

RECEIPT_TYPE: Final = "application/vnd.symbolon.receipt+json"
PAPER_TYPE: Final = "application/pdf"
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

_OWN: Final = (Code.UNAUTHENTICATED, Code.UNKNOWN, Code.ERASED, Code.STALE, Code.DEFECT)
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
    Code.ERASED: "What was asked about was there, and was erased",
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


def document(node_id: str, further: Json | None = None) -> Json:
    """Return the OpenAPI document of a node's HTTP API, ready to be written as JSON.

    `further` are paths that only some nodes have.
    """
    bodies = (
        VerificationRequest,
        Verification,
        Problem,
        Fitness,
        Liveness,
        AuthorizationRequest,
        AuthorizationResponse,
        RecognitionRequest,
        RecognitionResponse,
        *holder.BODIES,
        *watches.BODIES,
        *cases.BODIES,
    )
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
            {"name": "cases", "description": "For whoever opened them, with the same API key"},
            {"name": "holder", "description": "For the holder, with a token of the authority"},
            {"name": "journal", "description": "Public"},
            {"name": "trust", "description": "The trust list, as ToIP TRQP 2.0; public"},
            {"name": "documents", "description": "Open documents: W3C VC 2.0, SD-JWT VC, others"},
            {"name": "operation", "description": "For those who run the node"},
        ],
        "security": [],
        "paths": {**_verification_paths(), **_trqp_paths(), **_open_paths(), **(further or {})},
        "components": {
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key of this node, issued to one employer.",
                },
                **holder.SECURITY_SCHEME,
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
        f"{VERIFICATIONS_PATH}/{{id}}/receipt": _receipt(
            "readReceipt",
            "Take the receipt of an answered question",
            "One file that proves question and answer offline, for years.",
            {RECEIPT_TYPE: {"schema": {"type": "object"}}},
        ),
        f"{VERIFICATIONS_PATH}/{{id}}/receipt.pdf": _receipt(
            "readReceiptOnPaper",
            "Take the receipt of an answered question, as PDF",
            "For people; it carries the receipt itself as an attachment.",
            {PAPER_TYPE: {"schema": {"type": "string", "format": "binary"}}},
        ),
    }


def _receipt(operation: str, summary: str, description: str, content: Json) -> Json:
    disposition = {"required": True, "schema": {"type": "string"}}
    return {
        "parameters": [_id_parameter()],
        "get": {
            "operationId": operation,
            "summary": summary,
            "description": description,
            "tags": ["verifications"],
            "security": [{"key": []}],
            "responses": {
                "200": {
                    "description": "The receipt, as an attachment",
                    "headers": {"Content-Disposition": disposition},
                    "content": content,
                },
                **_refusals(_OWN),
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
        **_tile_paths(),
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


_TRQP_CODES: Final = (Code.MALFORMED, Code.UNKNOWN, Code.BUSY, Code.STALE, Code.DEFECT)
_LIST: Final = TrustListName(version=17, digest="5f" * 32)
_MAY_AWARD: Final = AuthorizationRequest(
    "xa-college", "XA", "award", "7212/4/full_qualification", {"time": "2026-11-23T09:00:00Z"}
)
_AWARDS: Final = AuthorizationResponse(
    "xa-college",
    "XA",
    "award",
    "7212/4/full_qualification",
    authorized=True,
    time_evaluated="2026-11-23T09:00:01Z",
    message="College is accredited by Ministry of Trades from 2010-01-01.",
    trust_list=_LIST,
    time_requested="2026-11-23T09:00:00Z",
    context={"time": "2026-11-23T09:00:00Z"},
)
_MAY_ANSWER: Final = RecognitionRequest("XB", "federation", "answer", "qualifications")
_ANSWERS: Final = RecognitionResponse(
    "XB",
    "federation",
    "answer",
    "qualifications",
    recognized=True,
    time_evaluated="2026-11-23T09:00:01Z",
    message="Skills Authority of XB is a member in good standing.",
    trust_list=_LIST,
)


def _trqp_paths() -> Json:
    return {
        AUTHORIZATION_PATH: _trqp(
            "queryAuthorization", "Tell whether an authority authorises", _MAY_AWARD, _AWARDS
        ),
        RECOGNITION_PATH: _trqp(
            "queryRecognition", "Tell whether an authority recognises", _MAY_ANSWER, _ANSWERS
        ),
    }


def _trqp(operation: str, summary: str, asked: msgspec.Struct, said: msgspec.Struct) -> Json:
    def content(body: msgspec.Struct) -> Json:
        example = {"value": msgspec.to_builtins(body)}
        return {
            "application/json": {"schema": _reference(type(body)), "examples": {"one": example}}
        }

    return {
        "post": {
            "operationId": operation,
            "summary": summary,
            "description": "As of now, or of context.time by the list that this node had in force "
            "then. A time before its first list, or to come, is not found.",
            "tags": ["trust"],
            "requestBody": {"required": True, "content": content(asked)},
            "responses": {
                "200": {"description": "Whether it does, and why", "content": content(said)},
                **_refusals(_TRQP_CODES),
                **{str(status): _response(str(status)) for status in (413, 415)},
            },
        }
    }


def _tile_paths() -> Json:
    cached = {"required": True, "schema": {"type": "string"}}
    content = {TILE_TYPE: {"schema": {"type": "string", "format": "binary"}}}
    index = _path_parameter(
        "index",
        "Number in groups of three digits, all but the last with an x before it; a partial tile "
        "has .p/ and its width after it",
        {"type": "string", "pattern": r"^(x[0-9]{3}/)*[0-9]{3}(\.p/[1-9][0-9]{0,2})?$"},
        "000.p/3",
    )
    level = _path_parameter(
        "level", "Level of the tile", {"type": "integer", "minimum": 0, "maximum": 63}, 0
    )

    def path(operation: str, summary: str, description: str, *parameters: Json) -> Json:
        tile = {
            "description": f"{description}; it never changes",
            "headers": {"Cache-Control": cached},
            "content": content,
        }
        found = _get(operation, summary, "journal", {"200": tile, **_refusals((Code.UNKNOWN,))})
        return {"parameters": list(parameters), **found}

    return {
        HASHES_ROUTE: path(
            "readTile",
            "Take a tile of the journal's Merkle tree (C2SP tlog-tiles)",
            "256 hashes of 32 bytes, or as many as the partial tile has",
            level,
            index,
        ),
        ENTRIES_ROUTE: path(
            "readEntries",
            "Take an entry bundle of the journal (C2SP tlog-tiles)",
            "256 commitments, or as many as the partial bundle has, each after its length of two "
            "bytes",
            index,
        ),
    }


def _path_parameter(name: str, description: str, schema: Json, example: object) -> Json:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": schema,
        "example": example,
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
    schema = {"type": "string", "pattern": f"^{ID_PATTERN}$"}
    return _path_parameter("id", "The id that the verification carries", schema, _ID)


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
