"""The door to cases, for who opened them: with the API key that did.

    GET    /v1/cases                        POST /v1/cases
    GET    /v1/cases/<id>                   POST /v1/cases/<id>/steps
    GET    /v1/cases/<id>/documents/<sha>   POST /v1/cases/<id>/documents?kind=experience

What is another key's is answered as what there is not. Authorities act on the command line.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from aiohttp import web
from msgspec import Struct

from node.edge.case_bodies import (
    CASE_PATTERN,
    DIGEST_PATTERN,
    CaseBody,
    CaseRequest,
    CasesBody,
    StepRequest,
    case_body,
    read_case,
    read_step,
)
from node.errors import Code, Refusal
from node.flows.casework import Actor, Casework, Enclosure, NewStep
from node.flows.ports import Employer
from node.model.case_bodies import PART_SIZE_MAX_BYTES, Author, StepKind
from node.wire.refusals import HTTP_STATUS

CASES_PATH: Final = "/v1/cases"
BODIES: Final = (CaseRequest, StepRequest, CaseBody, CasesBody)
CONTENT_TYPE: Final = "application/octet-stream"
_ONE: Final = f"{CASES_PATH}/{{id}}"
_STEPS: Final = f"{_ONE}/steps"
_DOCUMENTS: Final = f"{_ONE}/documents"
_DOCUMENT: Final = f"{_DOCUMENTS}/{{digest}}"
_KIND: Final = re.compile("[a-z][a-z_]{0,39}")
_ALWAYS: Final = {
    "Server": "symbolon",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_JSON: Final = {**_ALWAYS, "Content-Type": "application/json"}
_CONTENT: Final = {
    **_ALWAYS,
    "Content-Type": CONTENT_TYPE,
    "Content-Disposition": 'attachment; filename="document"',
}

ReadEmployer = Callable[[web.Request], Awaitable[Employer]]
ReadJson = Callable[[web.Request], Awaitable[bytes]]
ReadBytes = Callable[[web.Request, int], Awaitable[bytes]]


class CaseDoor:
    """What an employer does in cases, over HTTP."""

    def __init__(self, casework: Casework, employer: ReadEmployer) -> None:
        """Take what is behind the door, and what tells whose key a request carries."""
        self._casework = casework
        self._employer = employer

    def add_to(self, router: web.UrlDispatcher, read: ReadJson, read_bytes: ReadBytes) -> None:
        """Add the routes; `read` returns a JSON body, `read_bytes` any, up to a size."""
        one = _ONE.replace("{id}", f"{{id:{CASE_PATTERN}}}")
        document = f"{one}/documents/{{digest:{DIGEST_PATTERN}}}"

        async def open_case(request: web.Request) -> web.Response:
            actor = await self._actor(request)
            view = await self._casework.open(actor, read_case(await read(request)))
            made = _json(case_body(view), status=201)
            made.headers["Location"] = f"{CASES_PATH}/{view.held.case.hex()}"
            return made

        async def step(request: web.Request) -> web.Response:
            actor = await self._actor(request)
            new = read_step(await read(request))
            return _json(case_body(await self._casework.act(actor, _case(request), new)))

        async def supply(request: web.Request) -> web.Response:
            actor = await self._actor(request)
            if set(request.query) != {"kind"} or _KIND.fullmatch(request.query["kind"]) is None:
                raise Refusal(Code.MALFORMED, "kind: name the kind of document, like experience")
            await self._casework.case(actor, _case(request))  # before anything large is read
            content = await read_bytes(request, PART_SIZE_MAX_BYTES)
            enclosed = (Enclosure(request.query["kind"], content),)
            new = NewStep(StepKind.DOCUMENTS_SUPPLIED, documents=enclosed)
            return _json(case_body(await self._casework.act(actor, _case(request), new)))

        router.add_get(CASES_PATH, self._cases)
        router.add_post(CASES_PATH, open_case)
        router.add_get(one, self._read)
        router.add_post(f"{one}/steps", step)
        router.add_post(f"{one}/documents", supply)
        router.add_get(document, self._document)

    async def _cases(self, request: web.Request) -> web.Response:
        views = await self._casework.cases(await self._actor(request))
        return _json(CasesBody(tuple(map(case_body, views))))

    async def _read(self, request: web.Request) -> web.Response:
        actor = await self._actor(request)
        return _json(case_body(await self._casework.case(actor, _case(request))))

    async def _document(self, request: web.Request) -> web.Response:
        actor = await self._actor(request)
        digest = bytes.fromhex(request.match_info["digest"])
        content = await self._casework.part(actor, _case(request), digest)
        return web.Response(body=content, headers=_CONTENT)

    async def _actor(self, request: web.Request) -> Actor:
        return Actor(Author.EMPLOYER, (await self._employer(request)).key_id)


def _case(request: web.Request) -> bytes:
    return bytes.fromhex(request.match_info["id"])


def _json(body: Struct, *, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, headers=_JSON)


# --- as OpenAPI describes it ---------------------------------------------------------------

_READ: Final = (Code.UNAUTHENTICATED, Code.UNKNOWN, Code.ERASED, Code.STALE, Code.DEFECT)
_WRITE: Final = (*_READ, Code.MALFORMED, Code.UNTRUSTED, Code.CONFLICT, Code.BUSY)


def case_paths() -> dict[str, Any]:
    """Return the paths of an OpenAPI document."""
    case = _parameter("id", "The case", CASE_PATTERN)
    digest = _parameter("digest", "SHA-256, as the case lists it", DIGEST_PATTERN)
    kind = {
        "name": "kind",
        "in": "query",
        "required": True,
        "description": "What it is, like experience",
        "schema": {"type": "string", "pattern": f"^{_KIND.pattern}$"},
    }
    binary = {CONTENT_TYPE: {"schema": {"type": "string", "format": "binary", "minLength": 1}}}
    located = {"Location": {"required": True, "schema": {"type": "string"}}}
    opened = {**_shown("The case", CaseBody), "headers": located}
    return {
        CASES_PATH: {
            "get": _operation("readCases", "Look at your cases", _shown("All", CasesBody), _READ),
            "post": {
                **_operation("openCase", "Open a case", opened, _WRITE, "201", taking=True),
                "requestBody": _taken(CaseRequest),
            },
        },
        _ONE: {
            "parameters": [case],
            "get": _operation("readCase", "Look at a case", _shown("It", CaseBody), _READ),
        },
        _STEPS: {
            "parameters": [case],
            "post": {
                **_operation(
                    "stepInCase",
                    "Appeal, or withdraw a case",
                    _shown("It", CaseBody),
                    _WRITE,
                    taking=True,
                ),
                "requestBody": _taken(StepRequest),
            },
        },
        _DOCUMENTS: {
            "parameters": [case, kind],
            "post": {
                **_operation(
                    "supplyDocument", "Supply a document", _shown("The case", CaseBody), _WRITE
                ),
                "requestBody": {"required": True, "content": binary},
            },
        },
        _DOCUMENT: {
            "parameters": [case, digest],
            "get": _operation(
                "readDocument",
                "Take a text or document of a case",
                {"description": "Its content, as it was given", "content": binary},
                (*_READ, Code.BUSY),
            ),
        },
    }


def _operation(  # noqa: PLR0913 - what an operation is described by
    operation: str,
    summary: str,
    shown: dict[str, Any],
    codes: tuple[Code, ...],
    status: str = "200",
    *,
    taking: bool = False,
) -> dict[str, Any]:
    refused = {str(HTTP_STATUS[code]): _response(code.value) for code in codes}
    body = {number: _response(number) for number in ("413", "415")} if taking else {}
    return {
        "operationId": operation,
        "summary": summary,
        "tags": ["cases"],
        "security": [{"key": []}],
        "responses": {status: shown, **refused, **body},
    }


def _parameter(name: str, description: str, pattern: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": {"type": "string", "pattern": f"^{pattern}$"},
    }


def _shown(description: str, body: type[Struct]) -> dict[str, Any]:
    content = {"application/json": {"schema": _reference(body)}}
    return {"description": description, "content": content}


def _taken(body: type[Struct]) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": _reference(body)}}}


def _reference(body: type[Struct]) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{body.__name__}"}


def _response(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/responses/{name}"}
