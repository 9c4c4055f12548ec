"""The witness over HTTP, as C2SP tlog-witness has it: whoever has a peer's head may hand it in.

    POST /witness/add-checkpoint                          returns cosignatures
    GET  /witness/<SHA-256 of the origin, hex>/checkpoint returns the head cosigned last

The same flow as the call `Witness` between nodes, under the statuses of C2SP. No key is asked for:
that its owner signed the checkpoint is all that counts.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from aiohttp import web

from node.errors import Code, Refusal
from node.flows.ports import Clock
from node.flows.quotas import Quotas
from node.flows.witness import Contradiction
from node.flows.witness_ports import WitnessedElsewhere
from node.model.cosignature import REQUEST_SIZE_MAX_BYTES
from node.model.note import Unprovable
from node.model.quota import Allowance

ADD_ROUTE: Final = "/witness/add-checkpoint"
CHECKPOINT_ROUTE: Final = "/witness/{origin}/checkpoint"
SIZE_TYPE: Final = "text/x.tlog.size"
_ORIGIN: Final = "[0-9a-f]{64}"
_ALWAYS: Final = {"Server": "symbolon", "X-Content-Type-Options": "nosniff"}
_TEXT: Final = {
    **_ALWAYS,
    "Content-Type": "text/plain; charset=utf-8",
    "Cache-Control": "no-store",
}
_SIZE: Final = {**_TEXT, "Content-Type": SIZE_TYPE}

ReadBody = Callable[[web.Request, int], Awaitable[bytes]]
"""Returns the body of a request, or as much of it as shows that it has more bytes than that."""


class Witness(Protocol):
    """The flow behind the door."""

    async def add_checkpoint(self, body: bytes) -> bytes:
        """Cosign a checkpoint; returns the signature lines."""
        ...

    async def cosigned(self, origin_digest: bytes) -> bytes:
        """Return the head cosigned last of the journal with this SHA-256 of its origin."""
        ...


class WitnessDoor:
    """The handlers; each address may ask only so often, for every request costs a signature."""

    def __init__(self, witness: Witness, clock: Clock, allowance: Allowance) -> None:
        """Take the flow, and how often one address may ask."""
        self._witness = witness
        self._clock = clock
        self._quotas = Quotas(allowance)

    def add_to(self, router: web.UrlDispatcher, read: ReadBody) -> None:
        """Add both routes."""

        async def add_checkpoint(request: web.Request) -> web.Response:
            self._quotas.take(request.remote or "", self._clock())
            return await self._add(await read(request, REQUEST_SIZE_MAX_BYTES))

        async def checkpoint(request: web.Request) -> web.Response:
            self._quotas.take(request.remote or "", self._clock())
            digest = bytes.fromhex(request.match_info["origin"])
            return web.Response(body=await self._witness.cosigned(digest), headers=_TEXT)

        router.add_post(ADD_ROUTE, add_checkpoint)
        router.add_get(CHECKPOINT_ROUTE.replace("}", f":{_ORIGIN}}}"), checkpoint)

    async def _add(self, body: bytes) -> web.Response:
        try:
            return web.Response(body=await self._witness.add_checkpoint(body), headers=_TEXT)
        except WitnessedElsewhere as refusal:
            return _conflict(refusal.size)
        except Contradiction as refusal:
            # Of the two answers that are right, whoever goes on from elsewhere gets this one.
            if refusal.elsewhere is not None:
                return _conflict(refusal.elsewhere)
            return _unprocessable(refusal)
        except Refusal as refusal:
            if isinstance(refusal, Unprovable) or refusal.code is Code.CONFLICT:
                return _unprocessable(refusal)
            if refusal.code is Code.UNAUTHENTICATED:  # 401 would ask for a key
                raise Refusal(Code.UNTRUSTED, refusal.reason) from None
            raise


def _conflict(size: int) -> web.Response:
    return web.Response(body=b"%d\n" % size, status=409, headers=_SIZE)


def _unprocessable(refusal: Refusal) -> web.Response:
    return web.Response(body=f"{refusal.reason}\n".encode(), status=422, headers=_TEXT)


def witness_paths() -> dict[str, Any]:
    """Return the paths of an OpenAPI document."""
    text = {"text/plain": {"schema": {"type": "string"}}}
    problems = {
        status: {"$ref": f"#/components/responses/{code.value}"}
        for status, code in {
            "400": Code.MALFORMED,
            "403": Code.UNTRUSTED,
            "404": Code.UNKNOWN,
            "429": Code.BUSY,
            "500": Code.DEFECT,
            "503": Code.STALE,
        }.items()
    }
    common = {"tags": ["journal"]}
    origin = {
        "name": "origin",
        "in": "path",
        "required": True,
        "description": "SHA-256 of the journal's origin, in hex",
        "schema": {"type": "string", "pattern": f"^{_ORIGIN}$"},
    }
    return {
        ADD_ROUTE: {
            "post": {
                **common,
                "operationId": "addCheckpoint",
                "summary": "Have a head of another node's journal cosigned (C2SP tlog-witness)",
                "requestBody": {"required": True, "content": text},
                "responses": {
                    "200": {"description": "Signature lines", "content": text},
                    "409": {
                        "description": "The old size is not that of the head cosigned last, "
                        "which is in the body",
                        "content": {SIZE_TYPE: {"schema": {"type": "string"}}},
                    },
                    "422": {
                        "description": "The proof does not lead to the checkpoint",
                        "content": text,
                    },
                    **problems,
                },
            }
        },
        CHECKPOINT_ROUTE: {
            "parameters": [origin],
            "get": {
                **common,
                "operationId": "readCosignedCheckpoint",
                "summary": "Take the head of another node's journal that this one cosigned last",
                "responses": {
                    "200": {"description": "A signed note", "content": text},
                    **{status: problems[status] for status in ("404", "429", "500", "503")},
                },
            },
        },
    }
