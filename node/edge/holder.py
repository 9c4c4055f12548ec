"""The holder's door: my credentials, my codes, who asked about me; with a token of the authority.

    GET    /v1/holder/credentials
    GET    /v1/holder/codes            POST   /v1/holder/codes      DELETE /v1/holder/codes/<id>
    GET    /v1/holder/watches          POST   /v1/holder/watches    DELETE /v1/holder/watches/<id>
    GET    /v1/holder/accesses         newest first, in pages, between two times
    GET    /v1/holder/contests         POST   /v1/holder/contests
    GET    /v1/holder/export           the signed record

What is somebody else's is answered as what is nobody's: not found, in the same words.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from node.edge.bodies import FieldName, PurposeName, require_each_name_once
from node.errors import Code, Refusal
from node.flows.holder import ACCESSES_MAX, HolderView
from node.flows.holder_ports import AccessWindow, Held
from node.flows.share import USES_MAX, VALID_DAYS, VALID_DAYS_MAX
from node.model.bounds import INDEX_MAX
from node.model.credential import NUMBER_LENGTH_MAX, Field
from node.model.holder_bodies import Complaint, Watcher
from node.model.moments import parse_moment
from node.model.statement import Purpose
from node.wire.holder_statements import (
    COMPLAINT_LENGTH_MAX,
    LEGAL_NAME_LENGTH_MAX,
    REGISTER_ID_LENGTH_MAX,
)
from node.wire.record import (
    ComplaintName,
    HeldAccess,
    HeldContest,
    HeldShareCode,
    HeldWatch,
)

HOLDER_PATH: Final = "/v1/holder"
RECORD_TYPE: Final = "application/vnd.symbolon.record+json"
CODE_ID_PATTERN: Final = "[0-9a-f]{64}"
WATCH_ID_PATTERN: Final = "[0-9a-f]{32}"
ACCESSES_SHOWN: Final = 50
_ALWAYS: Final = {
    "Server": "symbolon",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_JSON: Final = {**_ALWAYS, "Content-Type": "application/json"}
_RECORD: Final = {
    **_ALWAYS,
    "Content-Type": RECORD_TYPE,
    "Content-Disposition": 'attachment; filename="my-record.symbolon-record.json"',
}
_PARAMETERS: Final = frozenset({"before", "limit", "since", "until"})
_PLAIN: Final = r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$"

ReadBody = Callable[[web.Request], Awaitable[bytes]]
ReadToken = Callable[[web.Request], str]
_Handler = Callable[[web.Request, Held], Awaitable[web.Response]]
_Body = TypeVar("_Body", bound=Struct)
_Number = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=NUMBER_LENGTH_MAX,
        description="Number of one of your credentials",
        examples=["XA-2019-000001"],
    ),
]
_Days = Annotated[int, Meta(ge=1, le=VALID_DAYS_MAX, description="How many days it counts")]


class ShareCodeRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Who may see what of one of your credentials, how often, for how long."""

    credential: _Number
    purpose: Annotated[PurposeName, Meta(extra_json_schema={"type": "string"})]
    fields: Annotated[
        tuple[FieldName, ...] | None,
        Meta(
            description="What they may see; null: everything",
            extra_json_schema={"minItems": 1, "uniqueItems": True},
        ),
    ] = None
    uses: Annotated[int, Meta(ge=1, le=USES_MAX, description="How many answers may show it")] = 1
    days: _Days = VALID_DAYS
    requester: Annotated[
        str,
        Meta(
            max_length=REGISTER_ID_LENGTH_MAX,
            pattern=_PLAIN,
            description="Register id of the only requester; empty: any",
        ),
    ] = ""


class ShareCodeMade(Struct, frozen=True):
    """A new share code. It is shown this once; the node keeps its digest only."""

    share_code: str
    consent: HeldShareCode


class WatchRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Who may follow the status of one of your credentials, and for how long."""

    credential: _Number
    node: Annotated[
        str,
        Meta(
            pattern="^[A-Z]{2}[0-9]{0,2}$", description="Node of the requester's country, like XB"
        ),
    ]
    legal_name: Annotated[str, Meta(min_length=1, max_length=LEGAL_NAME_LENGTH_MAX, pattern=_PLAIN)]
    register_id: Annotated[
        str, Meta(min_length=1, max_length=REGISTER_ID_LENGTH_MAX, pattern=_PLAIN)
    ]
    days: _Days


class ContestRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What is wrong, in your own words. The authority reads it."""

    credential: _Number
    complaint: Annotated[ComplaintName, Meta(extra_json_schema={"type": "string"})]
    text: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=COMPLAINT_LENGTH_MAX,
            pattern=r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*"
            r"[^\s\u0000-\u001f\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
            r"[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$",
        ),
    ]
    entry: Annotated[
        int | None,
        Meta(
            description="Index of what is contested, as the access record has it; null: what the "
            "credential says now",
            extra_json_schema={"minimum": 0, "maximum": INDEX_MAX},
        ),
    ] = None


class Recorded(Struct, frozen=True):
    """It stands in the node's journal, at this position."""

    index: int


class MyCredentials(Struct, frozen=True):
    """Your credentials, with everything that the registry says of them."""

    credentials: tuple[dict[str, Any], ...]


class MyShareCodes(Struct, frozen=True):
    """Your share codes, the oldest first."""

    share_codes: tuple[HeldShareCode, ...]


class MyWatches(Struct, frozen=True):
    """Who may follow the status of your credentials, the oldest first."""

    watches: tuple[HeldWatch, ...]


class MyAccesses(Struct, frozen=True):
    """Who asked about you, from every country, the newest first."""

    accesses: tuple[HeldAccess, ...]
    next_before: Annotated[
        int | None, Meta(description="Ask again with before=… for older ones; null: no more")
    ]


class MyContests(Struct, frozen=True):
    """What you said is wrong, the oldest first."""

    contests: tuple[HeldContest, ...]


BODIES: Final = (
    *(ShareCodeRequest, ShareCodeMade, WatchRequest, HeldWatch, ContestRequest, Recorded),
    *(MyCredentials, MyShareCodes, MyWatches, MyAccesses, MyContests),
)


class HolderDoor:
    """The handlers; each begins with the token."""

    def __init__(self, view: HolderView, token: ReadToken, read: ReadBody) -> None:
        """Take the flow, and what returns a request's token and its JSON body."""
        self._view = view
        self._token = token
        self._read = read

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add all routes."""

        def held(handler: _Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
            async def handle(request: web.Request) -> web.Response:
                token = self._token(request)
                return await handler(request, await self._view.authenticate(token))

            return handle

        codes, watches = f"{HOLDER_PATH}/codes", f"{HOLDER_PATH}/watches"
        contests = f"{HOLDER_PATH}/contests"
        router.add_get(f"{HOLDER_PATH}/credentials", held(self._credentials), allow_head=False)
        router.add_get(codes, held(self._codes), allow_head=False)
        router.add_post(codes, held(self._create_code))
        router.add_delete(f"{codes}/{{id:{CODE_ID_PATTERN}}}", held(self._revoke_code))
        router.add_get(watches, held(self._watches), allow_head=False)
        router.add_post(watches, held(self._give_watch))
        router.add_delete(f"{watches}/{{id:{WATCH_ID_PATTERN}}}", held(self._revoke_watch))
        router.add_get(f"{HOLDER_PATH}/accesses", held(self._accesses), allow_head=False)
        router.add_get(contests, held(self._contests), allow_head=False)
        router.add_post(contests, held(self._contest))
        router.add_get(f"{HOLDER_PATH}/export", held(self._export), allow_head=False)

    async def _credentials(self, _: web.Request, held: Held) -> web.Response:
        return _said(MyCredentials(await self._view.credentials(held)))

    async def _codes(self, _: web.Request, held: Held) -> web.Response:
        return _said(MyShareCodes(await self._view.share_codes(held)))

    async def _create_code(self, request: web.Request, held: Held) -> web.Response:
        wanted = _body(await self._read(request), ShareCodeRequest)
        code = await self._view.sharing.create(
            self._view.require_own(held, wanted.credential),
            Purpose[wanted.purpose.upper()],
            tuple(Field) if wanted.fields is None else _fields(wanted.fields),
            uses=wanted.uses,
            valid_days=wanted.days,
            requester=wanted.requester,
        )
        made = {one.id: one for one in await self._view.share_codes(held)}
        return _said(ShareCodeMade(str(code), made[code.digest.hex()]), 201)

    async def _revoke_code(self, request: web.Request, held: Held) -> web.Response:
        await self._view.revoke_share_code(held, request.match_info["id"])
        return web.Response(status=204, headers=_ALWAYS)

    async def _watches(self, _: web.Request, held: Held) -> web.Response:
        return _said(MyWatches(await self._view.watches(held)))

    async def _give_watch(self, request: web.Request, held: Held) -> web.Response:
        wanted = _body(await self._read(request), WatchRequest)
        given = await self._view.watching.give(
            self._view.require_own(held, wanted.credential),
            Watcher(wanted.node, wanted.legal_name, wanted.register_id),
            valid_days=wanted.days,
        )
        made = [one for one in await self._view.watches(held) if one.id == given.watch.hex()]
        return _said(made[0], 201)

    async def _revoke_watch(self, request: web.Request, held: Held) -> web.Response:
        await self._view.watching.revoke(held.credentials, request.match_info["id"])
        return web.Response(status=204, headers=_ALWAYS)

    async def _accesses(self, request: web.Request, held: Held) -> web.Response:
        accesses, more = await self._view.accesses(held, _window(request))
        return _said(MyAccesses(accesses, accesses[-1].index if more else None))

    async def _contests(self, _: web.Request, held: Held) -> web.Response:
        return _said(MyContests(await self._view.contests(held)))

    async def _contest(self, request: web.Request, held: Held) -> web.Response:
        said = _body(await self._read(request), ContestRequest)
        complaint = Complaint[said.complaint.upper()]
        recorded = await self._view.contest(held, said.credential, complaint, said.text, said.entry)
        return _said(Recorded(recorded.index), 201)

    async def _export(self, _: web.Request, held: Held) -> web.Response:
        return web.Response(body=await self._view.export(held), headers=_RECORD)


def _said(body: Struct, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, headers=_JSON)


def _fields(names: tuple[FieldName, ...]) -> tuple[Field, ...]:
    if not names or len(set(names)) < len(names):
        raise Refusal(Code.MALFORMED, "fields: must name each field once, and at least one")
    return tuple(Field[name.upper()] for name in names)


def _number(digits: str) -> float:
    """Return a number that has a point or an exponent: 2.0 is the whole number 2."""
    found = float(digits)
    return int(found) if found.is_integer() else found


_ANYTHING: Final = msgspec.json.Decoder(float_hook=_number)


def _body(data: bytes, kind: type[_Body]) -> _Body:
    """Read a body strictly; what was found there is not repeated."""
    try:
        found = msgspec.convert(_ANYTHING.decode(data), kind)
        require_each_name_once(data)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        known = ", ".join(kind.__struct_fields__)
        if what.startswith("Object contains unknown field"):
            what = f"has a field that is not known; known are {known}"
        elif what.startswith("Invalid enum value"):
            what = "is none of the words that are known here"
        field = where.rstrip("`") or "the body"
        raise Refusal(Code.MALFORMED, f"{field}: {what[0].lower()}{what[1:]}") from None
    except (ValueError, RecursionError):
        raise Refusal(Code.MALFORMED, "the body is not JSON in UTF-8") from None
    return found


def _window(request: web.Request) -> AccessWindow:
    """Read which accesses are wanted."""
    given = request.query
    if set(given) - _PARAMETERS or len(given) > len(set(given)):
        known = ", ".join(sorted(_PARAMETERS))
        raise Refusal(Code.MALFORMED, f"the address may name {known}, each once")
    limit = _whole(given.get("limit"), "limit", 1, ACCESSES_MAX)
    since, until = given.get("since"), given.get("until")
    return AccessWindow(
        ACCESSES_SHOWN if limit is None else limit,
        _whole(given.get("before"), "before", 0, INDEX_MAX),
        None if since is None else parse_moment(since, "since"),
        None if until is None else parse_moment(until, "until"),
    )


def _whole(digits: str | None, name: str, least: int, most: int) -> int | None:
    if digits is None:
        return None
    if digits.isascii() and digits.isdigit() and len(digits) <= len(str(most)):
        found = int(digits)
        if least <= found <= most and str(found) == digits:
            return found
    raise Refusal(Code.MALFORMED, f"{name}: must be a whole number, {least} to {most}")


# --- the description -----------------------------------------------------------------------

_READING: Final = (Code.MALFORMED, Code.UNAUTHENTICATED, Code.BUSY, Code.STALE, Code.DEFECT)
_NAMING: Final = (*_READING, Code.UNKNOWN)
_STATUS: Final = {
    Code.MALFORMED: "400",
    Code.UNAUTHENTICATED: "401",
    Code.UNKNOWN: "404",
    Code.CONFLICT: "409",
    Code.BUSY: "429",
    Code.DEFECT: "500",
    Code.STALE: "503",
}
SECURITY_SCHEME: Final = {
    "holder": {
        "type": "http",
        "scheme": "bearer",
        "description": "A holder's token, which the authority gives for some minutes.",
    }
}


def holder_paths() -> dict[str, Any]:
    """Return the paths of an OpenAPI document."""
    code = _id("A share code's id", CODE_ID_PATTERN, "94f680e3c4afe3b7" * 4)
    watch = _id("A watch's id", WATCH_ID_PATTERN, "94f680e3c4afe3b7" * 2)
    record = {RECORD_TYPE: {"schema": {"type": "object"}}}
    return {
        f"{HOLDER_PATH}/credentials": {
            "get": _get("readMyCredentials", "My credentials", MyCredentials)
        },
        f"{HOLDER_PATH}/codes": {
            "get": _get("readMyShareCodes", "My share codes", MyShareCodes),
            "post": _post(
                "makeShareCode", "Let others see a credential", ShareCodeRequest, ShareCodeMade
            ),
        },
        f"{HOLDER_PATH}/codes/{{id}}": {
            "parameters": [code],
            "delete": _delete("revokeShareCode", "End a share code at once"),
        },
        f"{HOLDER_PATH}/watches": {
            "get": _get("readMyWatches", "Who may follow my credentials", MyWatches),
            "post": _post(
                "giveWatch", "Let a requester follow a credential's status", WatchRequest, HeldWatch
            ),
        },
        f"{HOLDER_PATH}/watches/{{id}}": {
            "parameters": [watch],
            "delete": _delete("revokeWatch", "End a watch at once"),
        },
        f"{HOLDER_PATH}/accesses": {
            "parameters": _parameters(),
            "get": _get("readMyAccesses", "Who asked about me", MyAccesses),
        },
        f"{HOLDER_PATH}/contests": {
            "get": _get("readMyContests", "What I said is wrong", MyContests),
            "post": _post("contest", "Say that something is wrong", ContestRequest, Recorded),
        },
        f"{HOLDER_PATH}/export": {
            "get": {
                **_operation("exportMyRecord", "Take all of it away, as a signed file"),
                "responses": {
                    "200": {"description": "The record, as an attachment", "content": record},
                    **_refused(_READING),
                },
            }
        },
    }


def _operation(operation: str, summary: str) -> dict[str, Any]:
    return {
        "operationId": operation,
        "summary": summary,
        "tags": ["holder"],
        "security": [{"holder": []}],
    }


def _get(operation: str, summary: str, body: type[Struct]) -> dict[str, Any]:
    return {
        **_operation(operation, summary),
        "responses": {"200": _content("What there is", body), **_refused(_READING)},
    }


def _post(operation: str, summary: str, asked: type[Struct], said: type[Struct]) -> dict[str, Any]:
    return {
        **_operation(operation, summary),
        "requestBody": {**_content("", asked), "required": True},
        "responses": {
            "201": _content("It is journalled, and counts from now on", said),
            **_refused(_NAMING),
            **{status: {"$ref": f"#/components/responses/{status}"} for status in ("413", "415")},
        },
    }


def _delete(operation: str, summary: str) -> dict[str, Any]:
    return {
        **_operation(operation, summary),
        "responses": {
            "204": {"description": "It counts no more"},
            **_refused((*_NAMING, Code.CONFLICT)),
        },
    }


def _content(description: str, body: type[Struct]) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{body.__name__}"}
    described = {"description": description} if description else {}
    return {**described, "content": {"application/json": {"schema": schema}}}


def _refused(codes: tuple[Code, ...]) -> dict[str, Any]:
    return {_STATUS[code]: {"$ref": f"#/components/responses/{code.value}"} for code in codes}


def _id(description: str, pattern: str, example: str) -> dict[str, Any]:
    return {
        "name": "id",
        "in": "path",
        "required": True,
        "description": description,
        "schema": {"type": "string", "pattern": f"^{pattern}$"},
        "example": example,
    }


def _parameters() -> list[dict[str, Any]]:
    def one(
        name: Literal["before", "limit", "since", "until"],
        description: str,
        schema: dict[str, Any],
    ) -> dict[str, Any]:
        return {"name": name, "in": "query", "description": description, "schema": schema}

    whole = {"type": "integer", "minimum": 0, "maximum": INDEX_MAX}
    time = {"type": "string", "format": "date-time", "maxLength": 64}
    most = {"type": "integer", "minimum": 1, "maximum": ACCESSES_MAX, "default": ACCESSES_SHOWN}
    return [
        one("before", "Those at a lower index", whole),
        one("limit", "At most so many", most),
        one("since", "Answered at or after this time, RFC 3339", time),
        one("until", "Answered before this time, RFC 3339", time),
    ]
