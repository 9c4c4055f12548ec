"""The employers' door to what holders let them follow; with an API key.

POST   /v1/watches                  follow
GET    /v1/watches                  what I follow
GET    /v1/watches/<id>/notices     what was told, waiting for the next where wanted
DELETE /v1/watches/<id>             follow no more
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from node.edge.bodies import require_each_name_once
from node.errors import Code, Refusal
from node.flows.follow import HEARD_AT_ONCE, Following
from node.flows.holder import moment
from node.flows.notice_ports import Follower
from node.flows.ports import Employer
from node.model.bounds import INDEX_MAX
from node.wire.refusals import HTTP_STATUS

WATCHES_PATH: Final = "/v1/watches"
ID_PATTERN: Final = "[0-9a-f]{24}"
WAIT_MAX_S: Final = 30
_HEADERS: Final = {
    "Server": "symbolon",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_JSON: Final = {**_HEADERS, "Content-Type": "application/json"}
TellableName = Literal["confirmed", "suspended", "revoked", "expired", "superseded"]
ReadBody = Callable[[web.Request], Awaitable[bytes]]
ReadEmployer = Callable[[web.Request], Awaitable[Employer]]


class FollowBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Which consent of a holder you follow, and where notices are posted, if anywhere."""

    node: Annotated[
        str, Meta(pattern="^[A-Z]{2}[0-9]{0,2}$", description="Node of the credential, like XA")
    ]
    watch: Annotated[
        str,
        Meta(
            pattern="^[0-9a-f]{32}$",
            description="The id of the consent, which the holder gives you",
            examples=["94f680e3c4afe3b794f680e3c4afe3b7"],
        ),
    ]
    url: Annotated[
        str, Meta(max_length=500, description="Where every notice is posted; empty: nowhere")
    ] = ""


class Followed(Struct, frozen=True):
    """What you follow.

    `webhook` tells of posting: none, working, waiting (to be tried again), given_up.
    """

    id: str
    node: str
    watch: str
    created_at: datetime
    url: str
    webhook: Literal["none", "working", "waiting", "given_up"]


class FollowedNow(Struct, frozen=True):
    """What you follow from now on. The secret is shown this once; posts are signed with it."""

    followed: Followed
    secret: str


class AllFollowed(Struct, frozen=True):
    """What you follow, the oldest first."""

    watches: tuple[Followed, ...]


class Notice(Struct, frozen=True):
    """Where the credential stands since then, as its node said."""

    position: int
    outcome: TellableName
    said_at: datetime
    consent_until: datetime


class Notices(Struct, frozen=True):
    """What was told, the oldest first."""

    notices: tuple[Notice, ...]
    next_after: Annotated[int, Meta(description="Ask again with after=… for what comes next")]


BODIES: Final = (FollowBody, Followed, FollowedNow, AllFollowed, Notice, Notices)


class WatchDoor:
    """The handlers; each begins with the API key."""

    def __init__(self, following: Following, employer: ReadEmployer, read: ReadBody) -> None:
        """Take the flow, and what returns who asks and a request's JSON body."""
        self._following = following
        self._employer = employer
        self._read = read

    def add_to(self, made: web.Application) -> None:
        """Add the routes; whoever waits is let go before the server stops."""
        one = f"{WATCHES_PATH}/{{id:{ID_PATTERN}}}"
        made.router.add_post(WATCHES_PATH, self._add)
        made.router.add_get(WATCHES_PATH, self._list, allow_head=False)
        made.router.add_delete(one, self._remove)
        made.router.add_get(f"{one}/notices", self._notices, allow_head=False)
        made.on_shutdown.append(self._let_go)

    async def _let_go(self, _: web.Application) -> None:
        self._following.let_go()

    async def _add(self, request: web.Request) -> web.Response:
        employer = await self._employer(request)
        wanted = _body(await self._read(request))
        follower = await self._following.add(employer, wanted.node, wanted.watch, wanted.url)
        return _said(FollowedNow(followed_of(follower), follower.secret), 201)

    async def _list(self, request: web.Request) -> web.Response:
        found = await self._following.list(await self._employer(request))
        return _said(AllFollowed(tuple(map(followed_of, found))))

    async def _remove(self, request: web.Request) -> web.Response:
        employer = await self._employer(request)
        await self._following.remove(employer, request.match_info["id"])
        return web.Response(status=204, headers=_HEADERS)

    async def _notices(self, request: web.Request) -> web.Response:
        employer = await self._employer(request)
        follower = await self._following.find(employer, request.match_info["id"])
        if set(request.query) - {"after", "wait_s"} or len(request.query) > len(set(request.query)):
            raise Refusal(Code.MALFORMED, "the address may name after and wait_s, each once")
        after = _whole(request, "after", -1, INDEX_MAX)
        wait_s = _whole(request, "wait_s", 0, WAIT_MAX_S)
        heard = await self._following.heard(follower, after, float(wait_s))
        notices = tuple(
            Notice(
                one.position,
                msgspec.convert(one.outcome, TellableName),
                moment(one.said_at),
                moment(one.expires_at),
            )
            for one in heard
        )
        return _said(Notices(notices, notices[-1].position if notices else after))


def followed_of(follower: Follower) -> Followed:
    """Return what is followed as its employer sees it."""
    webhook: Literal["none", "working", "waiting", "given_up"] = "none"
    if follower.url:
        webhook = "given_up" if follower.dead else "waiting" if follower.tries else "working"
    return Followed(
        follower.id,
        follower.peer,
        follower.watch.hex(),
        moment(follower.created_at),
        follower.url,
        webhook,
    )


def _said(body: Struct, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, headers=_JSON)


def _body(data: bytes) -> FollowBody:
    """Read a body strictly; what was found there is not repeated."""
    try:
        found = msgspec.json.decode(data, type=FollowBody)
        require_each_name_once(data)
    except msgspec.ValidationError as error:
        _, _, where = str(error).partition(" - at `$.")
        field = where.rstrip("`") or "the body"
        raise Refusal(Code.MALFORMED, f"{field}: is not as described") from None
    except ValueError:
        raise Refusal(Code.MALFORMED, "the body is not JSON in UTF-8") from None
    return found


def _whole(request: web.Request, name: str, least: int, most: int) -> int:
    digits = request.query.get(name)
    if digits is None:
        return least
    if digits.isascii() and digits.removeprefix("-").isdigit() and len(digits) <= len(str(most)):
        found = int(digits)
        if least <= found <= most and str(found) == digits:
            return found
    raise Refusal(Code.MALFORMED, f"{name}: must be a whole number, {least} to {most}")


# --- the description -----------------------------------------------------------------------


def watch_paths() -> dict[str, Any]:
    """Return the paths of an OpenAPI document."""
    named = {
        "name": "id",
        "in": "path",
        "required": True,
        "description": "What you follow",
        "schema": {"type": "string", "pattern": f"^{ID_PATTERN}$"},
    }
    return {
        WATCHES_PATH: {
            "get": _operation("listWatches", "What I follow", ("200", AllFollowed)),
            "post": {
                **_operation(
                    "follow",
                    "Follow what a holder lets you follow",
                    ("201", FollowedNow),
                    (Code.UNKNOWN, Code.CONFLICT),
                    further=("413", "415"),
                ),
                "requestBody": {"required": True, **_content(FollowBody)},
            },
        },
        f"{WATCHES_PATH}/{{id}}": {
            "parameters": [named],
            "delete": _operation("unfollow", "Follow no more", None, (Code.UNKNOWN,)),
        },
        f"{WATCHES_PATH}/{{id}}/notices": {
            "parameters": [
                named,
                _parameter("after", "Those at a higher position", -1, INDEX_MAX),
                _parameter("wait_s", "How long to wait for the first, seconds", 0, WAIT_MAX_S),
            ],
            "get": _operation(
                "readNotices",
                f"What was told, at most {HEARD_AT_ONCE}",
                ("200", Notices),
                (Code.UNKNOWN,),
            ),
        },
    }


def _operation(
    operation: str,
    summary: str,
    said: tuple[str, type[Struct]] | None,
    codes: tuple[Code, ...] = (),
    *,
    further: tuple[str, ...] = (),
) -> dict[str, Any]:
    always = (Code.MALFORMED, Code.UNAUTHENTICATED, Code.BUSY, Code.STALE, Code.DEFECT)
    good: dict[str, Any] = {"204": {"description": "It is followed no more"}}
    if said is not None:
        good = {said[0]: {"description": "As it is", **_content(said[1])}}
    return {
        "operationId": operation,
        "summary": summary,
        "tags": ["verifications"],
        "security": [{"key": []}],
        "responses": {
            **good,
            **{
                str(HTTP_STATUS[code]): {"$ref": f"#/components/responses/{code.value}"}
                for code in (*always, *codes)
            },
            **{status: {"$ref": f"#/components/responses/{status}"} for status in further},
        },
    }


def _content(body: type[Struct]) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{body.__name__}"}
    return {"content": {"application/json": {"schema": schema}}}


def _parameter(name: str, description: str, least: int, most: int) -> dict[str, Any]:
    schema = {"type": "integer", "minimum": least, "maximum": most, "default": least}
    return {"name": name, "in": "query", "description": description, "schema": schema}
