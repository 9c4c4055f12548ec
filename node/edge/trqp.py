"""The read API of ToIP TRQP 2.0 over the trust list: authorization and recognition.

No API key is asked for: what it tells is what every mirror of the list hands out.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
from aiohttp import web
from msgspec import UNSET, Meta, Struct, UnsetType

from node.errors import Code, Refusal
from node.flows.query_trust import QueryingTrust, Rule, TrustAnswer
from node.model.moments import parse_moment, rfc3339
from node.model.trqp import FEDERATION, QUALIFICATIONS, TrustQuestion, authorized, recognized

AUTHORIZATION_PATH: Final = "/trqp/authorization"
RECOGNITION_PATH: Final = "/trqp/recognition"
ReadBody = Callable[[web.Request], Awaitable[bytes]]
_HEADERS: Final = {
    "Server": "symbolon",
    "X-Content-Type-Options": "nosniff",
    "Content-Type": "application/json",
    "Cache-Control": "no-store",
}

_Name = Annotated[str, Meta(min_length=1, max_length=128)]
_Entity = Annotated[
    _Name, Meta(description="A node, like XA; for award the id of an issuer of the authority")
]
_Authority = Annotated[_Name, Meta(description=f"A node, like XA, or {FEDERATION}")]
_Resource = Annotated[
    _Name,
    Meta(
        description="employment, licensing or enrolment; for award ISCO-08, EQF level and kind, "
        f"like 7212/4/full_qualification; of the federation {QUALIFICATIONS}"
    ),
]
_Context = Annotated[
    dict[
        Annotated[str, Meta(max_length=64)],
        Annotated[str, Meta(max_length=256)],
    ],
    Meta(
        max_length=16,
        description="time: as of when, RFC 3339; without it, now. All else is only given back.",
        extra_json_schema={
            "properties": {"time": {"type": "string", "format": "date-time", "maxLength": 64}}
        },
    ),
]


class AuthorizationRequest(Struct, frozen=True):
    """Does this authority authorise that entity to do this?"""

    entity_id: _Entity
    authority_id: _Authority
    action: Annotated[
        Literal["award", "ask"],
        Meta(
            description="award: an issuer awards; ask: a node asks another one",
            extra_json_schema={"type": "string"},
        ),
    ]
    resource: _Resource
    context: _Context | UnsetType = UNSET


class RecognitionRequest(Struct, frozen=True):
    """Does this authority recognise that entity as one for this?"""

    entity_id: _Entity
    authority_id: _Authority
    action: Annotated[
        Literal["answer"],
        Meta(
            description="answer: a node answers about its country's qualifications",
            extra_json_schema={"type": "string"},
        ),
    ]
    resource: _Resource
    context: _Context | UnsetType = UNSET


class TrustListName(Struct, frozen=True):
    """The trust list that was looked up: its version, and SHA-256 of its snapshot."""

    version: int
    digest: str


class AuthorizationResponse(Struct, frozen=True):
    """Whether it does, as of the time asked about."""

    entity_id: str
    authority_id: str
    action: str
    resource: str
    authorized: bool
    time_evaluated: Annotated[str, Meta(description="When this node looked it up; RFC 3339")]
    message: Annotated[str, Meta(description="Why, in a sentence")]
    trust_list: TrustListName
    time_requested: str | UnsetType = UNSET
    context: dict[str, str] | UnsetType = UNSET


class RecognitionResponse(Struct, frozen=True):
    """Whether it does, as of the time asked about."""

    entity_id: str
    authority_id: str
    action: str
    resource: str
    recognized: bool
    time_evaluated: Annotated[str, Meta(description="When this node looked it up; RFC 3339")]
    message: Annotated[str, Meta(description="Why, in a sentence")]
    trust_list: TrustListName
    time_requested: str | UnsetType = UNSET
    context: dict[str, str] | UnsetType = UNSET


_Request = TypeVar("_Request", AuthorizationRequest, RecognitionRequest)


def add_trqp(router: web.UrlDispatcher, queries: QueryingTrust, read: ReadBody) -> None:
    """Add both routes; `read` returns the body of a request that says it is JSON."""

    async def authorization(request: web.Request) -> web.Response:
        asked = _read(await read(request), AuthorizationRequest)
        found = await _answer(queries, request, asked, authorized)
        said = AuthorizationResponse(authorized=found.finding.holds, **_common(asked, found))
        return web.Response(body=msgspec.json.encode(said), headers=_HEADERS)

    async def recognition(request: web.Request) -> web.Response:
        asked = _read(await read(request), RecognitionRequest)
        found = await _answer(queries, request, asked, recognized)
        said = RecognitionResponse(recognized=found.finding.holds, **_common(asked, found))
        return web.Response(body=msgspec.json.encode(said), headers=_HEADERS)

    router.add_post(AUTHORIZATION_PATH, authorization)
    router.add_post(RECOGNITION_PATH, recognition)


async def _answer(
    queries: QueryingTrust,
    request: web.Request,
    asked: AuthorizationRequest | RecognitionRequest,
    rule: Rule,
) -> TrustAnswer:
    question = TrustQuestion(asked.entity_id, asked.authority_id, asked.action, asked.resource)
    time = None if asked.context is UNSET else asked.context.get("time")
    at = None if time is None else parse_moment(time, "context.time")
    return await queries.answer(request.remote or "", question, rule, at)


def _common(asked: AuthorizationRequest | RecognitionRequest, found: TrustAnswer) -> dict[str, Any]:
    context = asked.context
    return {
        "entity_id": asked.entity_id,
        "authority_id": asked.authority_id,
        "action": asked.action,
        "resource": asked.resource,
        "time_requested": UNSET if context is UNSET else context.get("time", UNSET),
        "time_evaluated": rfc3339(found.evaluated_at),
        "message": found.finding.message,
        "context": context,
        "trust_list": TrustListName(found.trust.version, found.trust.digest.hex()),
    }


def _read(body: bytes, kind: type[_Request]) -> _Request:
    """Read a request; fields that TRQP does not know are left alone, as it has it.

    Raises:
        Refusal: MALFORMED, with the field; what was found there is not repeated.
    """
    try:
        asked = msgspec.json.decode(body, type=kind)
        # msgspec lets the last of two equal names win; another reader might take the first.
        json.loads(body.decode(), object_pairs_hook=_refuse_repeated_names)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        if what.startswith("Invalid enum value"):
            what = "must be an action of this path"
        field = where.strip("`.") or "the body"
        raise Refusal(Code.MALFORMED, f"{field}: {what[0].lower()}{what[1:]}") from None
    except (ValueError, RecursionError):  # of either reader, and of UTF-8
        raise Refusal(Code.MALFORMED, "the body is not JSON in UTF-8") from None
    return asked


def _refuse_repeated_names(pairs: list[tuple[str, object]]) -> None:
    if len({name for name, _ in pairs}) < len(pairs):
        raise Refusal(Code.MALFORMED, "the body has the same field twice")
