"""The HTTP door: employers ask here, machines look here whether the node is well.

For a question, in this order:

1. the key is known, before anything that was sent is read
2. type and size of the body are within bounds
3. the body is read strictly
4. the flow asks; its refusals become problems (RFC 9457) by one table, in one place
"""

import asyncio
import logging
import math
import os
import re
import ssl
import traceback
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Final

import msgspec
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from msgspec import UNSET, Struct, UnsetType

from node.edge import metrics, openapi
from node.edge.bodies import (
    HTTP_REFUSALS,
    ID_PATTERN,
    PROBLEM_TYPE_PREFIX,
    TITLES,
    VERIFICATIONS_PATH,
    Fitness,
    Liveness,
    Problem,
    read_inquiry,
    verification_body,
)
from node.edge.cases import CaseDoor, case_paths
from node.edge.holder import HolderDoor, holder_paths
from node.edge.holder_page import HolderPage
from node.edge.tiles import ReadTile, add_tiles
from node.edge.trqp import add_trqp
from node.edge.watches import WatchDoor, watch_paths
from node.edge.witness import WitnessDoor, witness_paths
from node.errors import Code, Refusal
from node.flows.ask import Inquiry
from node.flows.casework import Casework
from node.flows.follow import Following
from node.flows.holder import HolderView
from node.flows.ports import Clock, Employer, Employers, Exchanged, Ledger, Trust, Verification
from node.flows.query_trust import QueryingTrust
from node.model.cosignature import witness_name
from node.model.note import split_note
from node.model.trust import TrustView, extract
from node.wire.codec import decode_statement
from node.wire.receipt import Receipt, encode_receipt
from node.wire.refusals import HTTP_STATUS, REASON_WITHHELD

if TYPE_CHECKING:  # needs what only those have installed who export documents
    from node.edge.documents import DocumentDoor

BODY_SIZE_MAX_BYTES: Final = 16 * 1024  # the text of 413 names it too
LOOK_AGAIN_AFTER_S: Final = 5
_BODY_WITHIN_S: Final = 10.0
_STOP_WITHIN_S: Final = 10.0
_KEY: Final = re.compile(r"[A-Za-z0-9._~+/=-]{1,256}")
_JSON_TYPES: Final = re.compile(r"application/json *(; *charset=\"?utf-8\"?)?", re.IGNORECASE)
_ALWAYS: Final = {"Server": "symbolon", "X-Content-Type-Options": "nosniff"}
_FRESH: Final = {**_ALWAYS, "Content-Type": "application/json", "Cache-Control": "no-store"}
_PROBLEM: Final = {**_FRESH, "Content-Type": "application/problem+json"}
_RECEIPT: Final = {**_FRESH, "Content-Type": openapi.RECEIPT_TYPE}
_PAPER: Final = {**_FRESH, "Content-Type": openapi.PAPER_TYPE}
_METRICS: Final = {**_FRESH, "Content-Type": metrics.CONTENT_TYPE}
_CHECKPOINT: Final = {
    **_ALWAYS,
    "Content-Type": "text/plain; charset=utf-8",
    "Cache-Control": "public, max-age=1",
}
_DOCUMENT: Final = {
    **_ALWAYS,
    "Content-Type": "application/json",
    "Cache-Control": "public, max-age=300",
}

_log = structlog.get_logger()


class Doors(Struct, frozen=True):
    """What the HTTP door opens onto.

    Attributes:
        node: this node's id.
        ask: `Asking.ask`.
        asked: tally of the asking flow.
        answered: tally of the answering flow.
        ledger: where questions and their receipts are read.
        employers: who holds an API key.
        trust: the trust list in force.
        clock: microseconds UTC.
        fitness: tells whether the node is fit to ask and answer.
        gauges: tells journal size and open questions.
        checkpoint: returns the signed note of the journal's head.
        queries: answers what is asked of the trust list.
        tile: returns a tile or entry bundle that the newest checkpoint covers.
        trust_age_us: tells how long ago the trust list was last found to be the newest.
        paper: makes a PDF of a receipt; takes a while, so it runs in a thread.
        upgraded: puts an exchange under cosigned checkpoints, as far as there are any.
        witness: the witness of peers' journals, where it is open to everybody.
        holders: what holders see and say.
        documents: open documents, where the node issues any.
        casework: what who opened a case may do in it.
        following: what employers follow.
    """

    node: str
    ask: Callable[[Employer, Inquiry], Awaitable[Verification]]
    asked: metrics.Tally
    answered: metrics.Tally
    ledger: Ledger
    employers: Employers
    trust: Trust
    clock: Clock
    fitness: Callable[[], Awaitable[Fitness]]
    gauges: Callable[[], Awaitable[metrics.Gauges]]
    checkpoint: Callable[[], Awaitable[bytes]]
    queries: QueryingTrust
    tile: ReadTile
    trust_age_us: Callable[[], int | None]
    paper: Callable[[bytes], bytes]
    upgraded: Callable[[Exchanged], Awaitable[Exchanged]]
    witness: WitnessDoor | None = None
    holders: HolderView | None = None
    documents: "DocumentDoor | None" = None
    casework: Casework | None = None
    following: Following | None = None


def application(doors: Doors) -> web.Application:
    """Return the application; `listening` serves it."""
    door = _Door(doors)
    made = web.Application(middlewares=[door.answer_all], client_max_size=BODY_SIZE_MAX_BYTES)
    one = f"{VERIFICATIONS_PATH}/{{id:{ID_PATTERN}}}"
    made.router.add_post(VERIFICATIONS_PATH, door.ask)
    made.router.add_get(one, door.verification)
    made.router.add_get(f"{one}/receipt", door.receipt)
    made.router.add_get(f"{one}/receipt.pdf", door.paper)
    made.router.add_get("/journal/checkpoint", door.checkpoint)
    add_tiles(made.router, doors.tile)
    add_trqp(made.router, doors.queries, _json)
    if doors.witness is not None:
        doors.witness.add_to(made.router, _bounded)
    if doors.casework is not None:
        CaseDoor(doors.casework, door.employer).add_to(made.router, _json, _bounded)
    if doors.holders is not None:
        HolderDoor(doors.holders, _holders_token, _json).add_to(made.router)
        HolderPage(doors.holders, _bounded).add_to(made.router)
    if doors.following is not None:
        WatchDoor(doors.following, door.employer, _json).add_to(made)
    if doors.documents is not None:
        doors.documents.add_to(made.router, door.employer, _bounded)
    made.router.add_get("/health/alive", door.alive)
    made.router.add_get("/health/ready", door.ready)
    made.router.add_get("/metrics", door.metrics)
    made.router.add_get("/openapi.json", door.openapi)
    return made


@asynccontextmanager
async def listening(
    application: web.Application, host: str, port: int, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Serve an application; yields the port, which is a free one where 0 was asked for.

    At the end no new connection is taken and requests in progress get some seconds to finish.

    Raises:
        Refusal: CONFLICT where the address cannot be had.
    """
    logger = logging.getLogger("symbolon.http")
    logger.addFilter(_withhold_what_was_sent)
    runner = web.AppRunner(
        application,
        access_log=None,
        logger=logger,
        auto_decompress=False,
        shutdown_timeout=_STOP_WITHIN_S,
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, ssl_context=tls, backlog=1024)
        try:
            await site.start()
        except OSError as error:
            raise Refusal(
                Code.CONFLICT,
                f"listen.http: {host}:{port} cannot be had ({os.strerror(error.errno or 0)}); is "
                "another node running there? Choose another port in symbolon.toml",
            ) from None
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


class _Door:
    """The handlers, and what stands around all of them."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._document = msgspec.json.encode(
            openapi.document(
                doors.node,
                {
                    **({} if doors.witness is None else witness_paths()),
                    **({} if doors.casework is None else case_paths()),
                    **({} if doors.holders is None else holder_paths()),
                    **({} if doors.following is None else watch_paths()),
                    **({} if doors.documents is None else doors.documents.paths()),
                },
            )
        )
        self._metrics = metrics.Metrics(
            asked=doors.asked,
            answered=doors.answered,
            gauges=doors.gauges,
            trust=doors.trust,
            clock=doors.clock,
        )

    async def ask(self, request: web.Request) -> web.Response:
        employer = await self.employer(request)  # 1
        body = await _json(request)  # 2
        verification = await self._doors.ask(employer, read_inquiry(body))  # 3, 4
        response = self._show(verification)
        if verification.answer is None and verification.no_answer is None:
            response.set_status(202)
            response.headers["Location"] = f"{VERIFICATIONS_PATH}/{verification.id}"
            response.headers["Retry-After"] = str(LOOK_AGAIN_AFTER_S)
        return response

    async def verification(self, request: web.Request) -> web.Response:
        employer = await self.employer(request)
        found = await self._doors.ledger.verification(request.match_info["id"], employer.key_id)
        if found is None:
            raise Refusal(Code.UNKNOWN, "no verification of this API key has this id")
        return self._show(found)

    async def receipt(self, request: web.Request) -> web.Response:
        receipt = await self._receipt(request)
        return _attachment(receipt, f"{request.match_info['id']}.receipt.json", _RECEIPT)

    async def paper(self, request: web.Request) -> web.Response:
        pdf = await asyncio.to_thread(self._doors.paper, await self._receipt(request))
        return _attachment(pdf, f"{request.match_info['id']}.receipt.pdf", _PAPER)

    async def _receipt(self, request: web.Request) -> bytes:
        employer = await self.employer(request)
        exchanged = await self._doors.ledger.exchanged(request.match_info["id"], employer.key_id)
        if exchanged is None:
            raise Refusal(
                Code.UNKNOWN,
                "no answered verification of this API key has this id; where it is still open, "
                "there is no receipt yet",
            )
        return _receipt(self._doors.trust.view(), await self._doors.upgraded(exchanged))

    async def checkpoint(self, _: web.Request) -> web.Response:
        return web.Response(body=await self._doors.checkpoint(), headers=_CHECKPOINT)

    async def alive(self, _: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(Liveness()), headers=_FRESH)

    async def ready(self, _: web.Request) -> web.Response:
        fitness = await self._doors.fitness()
        status = 200 if fitness.fit else 503
        return web.Response(body=msgspec.json.encode(fitness), status=status, headers=_FRESH)

    async def metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=await self._metrics.text(), headers=_METRICS)

    async def openapi(self, _: web.Request) -> web.Response:
        return web.Response(body=self._document, headers=_DOCUMENT)

    @property
    def answer_all(self) -> Middleware:
        """The one middleware: every refusal becomes a problem, every request is counted."""

        @web.middleware
        async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
            started = perf_counter()
            response: web.StreamResponse
            try:
                response = await handler(request)
            except Refusal as refusal:
                response = _problem(request, refusal)
            except web.HTTPException as error:
                response = _http_problem(request, error)
            except Exception as error:  # noqa: BLE001 - whatever it is, its message is withheld
                response = _defect(request, type(error).__name__, error)
            self._metrics.observe(_route(request), response.status, perf_counter() - started)
            return response

        return answer

    async def employer(self, request: web.Request) -> Employer:
        key = _bearer(request, "an API key of this node")
        return await self._doors.employers.authenticate(key)

    def _show(self, verification: Verification) -> web.Response:
        node = self._doors.trust.view().nodes.get(verification.peer)
        authority = verification.peer if node is None else node.authority
        shown = verification_body(verification, authority, self._doors.trust_age_us())
        body = msgspec.json.encode(shown)
        return web.Response(body=body, headers=_FRESH)


def _bearer(request: web.Request, what: str) -> str:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or _KEY.fullmatch(key) is None:
        raise Refusal(
            Code.UNAUTHENTICATED, f"Authorization: must be the word Bearer, a space and {what}"
        )
    return key


def _holders_token(request: web.Request) -> str:
    return _bearer(request, "a token that the authority gave the holder")


def _attachment(content: bytes, name: str, headers: dict[str, str]) -> web.Response:
    disposition = f'attachment; filename="{name}"'
    return web.Response(body=content, headers={**headers, "Content-Disposition": disposition})


def _receipt(trust: TrustView, exchanged: Exchanged) -> bytes:
    """Return a receipt with no more of its trust lists than its seals and witnesses need."""
    try:
        seals = (exchanged.query, exchanged.answer, exchanged.conclusion)
        nodes = {decode_statement(sealed.statement).speaker for sealed in seals}
        names = {name for one in seals for name, _, _ in split_note(one.checkpoint)[1]}
        nodes |= {node.id for node in trust.nodes.values() if witness_name(node.origin) in names}
        lists = tuple(extract(bundle, nodes) for bundle in exchanged.trust)
        return encode_receipt(Receipt(*seals, lists))
    except Refusal as refusal:  # of what is our own; the one who asks did nothing wrong
        raise Refusal(Code.DEFECT, f"receipt: {refusal.reason}") from refusal


async def _json(request: web.Request) -> bytes:
    """Return the body of a request that says it is JSON."""
    content_type = request.headers.get("Content-Type", "")
    if _JSON_TYPES.fullmatch(content_type) is None or "Content-Encoding" in request.headers:
        raise web.HTTPUnsupportedMediaType
    try:
        if request.content.is_eof():  # most are here by now, and a timer has its price
            return await request.read()
        async with asyncio.timeout(_BODY_WITHIN_S):
            return await request.read()
    except TimeoutError:
        raise _late() from None
    except (web.RequestPayloadError, ConnectionError):
        raise _broken_off() from None


async def _bounded(request: web.Request, size_max_bytes: int) -> bytes:
    """Return the body of a request, cut off where it has more bytes than that."""
    body = b""
    try:
        async with asyncio.timeout(_BODY_WITHIN_S):
            async for part in request.content.iter_any():
                body += part
                if len(body) > size_max_bytes:
                    break
    except TimeoutError:
        raise _late() from None
    except (web.RequestPayloadError, ConnectionError):
        raise _broken_off() from None
    return body


def _late() -> Refusal:
    return Refusal(Code.MALFORMED, f"the body did not arrive within {_BODY_WITHIN_S:.0f} seconds")


def _broken_off() -> Refusal:
    return Refusal(Code.MALFORMED, "the body broke off")


def _problem(request: web.Request, refusal: Refusal) -> web.Response:
    if refusal.code is Code.DEFECT:
        return _defect(request, refusal.reason, refusal)
    return _problem_response(refusal, HTTP_STATUS[refusal.code])


def _http_problem(request: web.Request, error: web.HTTPException) -> web.Response:
    """Turn what aiohttp refuses (no such path, wrong method, too large …) into a problem."""
    if error.status not in HTTP_REFUSALS:
        return _defect(request, type(error).__name__, error)
    code, reason = HTTP_REFUSALS[error.status]
    response = _problem_response(Refusal(code, reason), error.status)
    if "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    return response


def _defect(request: web.Request, what: str, error: Exception) -> web.Response:
    """Withhold what went wrong, and log it under an id that the problem carries.

    The log gets where it happened and of which type it was. The message of an exception stays
    out of it: nobody knows whether one holds personal data.
    """
    identity = str(uuid.uuid4())
    where = [
        f"{frame.filename}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    _log.error("http_defect", id=identity, route=_route(request), what=what, where=where)
    return _problem_response(
        Refusal(Code.DEFECT, REASON_WITHHELD), HTTP_STATUS[Code.DEFECT], f"urn:uuid:{identity}"
    )


def _problem_response(
    refusal: Refusal, status: int, instance: str | UnsetType = UNSET
) -> web.Response:
    problem = Problem(
        type=PROBLEM_TYPE_PREFIX + refusal.code.value,
        title=TITLES[refusal.code],
        status=status,
        detail=refusal.reason,
        instance=instance,
    )
    response = web.Response(body=msgspec.json.encode(problem), status=status, headers=_PROBLEM)
    if refusal.code is Code.UNAUTHENTICATED:
        response.headers["WWW-Authenticate"] = 'Bearer realm="symbolon"'
    if refusal.retry_after_s is not None:
        response.headers["Retry-After"] = str(max(1, math.ceil(refusal.retry_after_s)))
    return response


def _route(request: web.Request) -> str:
    """Return the pattern that a request matched: few different ones, and never an id."""
    resource = request.match_info.route.resource
    return "none" if resource is None else resource.canonical


def _withhold_what_was_sent(record: logging.LogRecord) -> bool:
    """Drop exceptions from aiohttp's log: those about a bad request quote it."""
    if record.exc_info is not None and record.exc_info[0] is not None:
        record.msg = f"{record.msg} ({record.exc_info[0].__name__})"
        record.exc_info = None
    return True
