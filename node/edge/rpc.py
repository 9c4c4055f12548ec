"""The gRPC door: peers over mutual TLS, pinned to the trust list.

Every refusal of a whole call becomes a status with its code in the trailer; per-item refusals
travel inside the parcel. Health turns to not serving before the graceful stop.
"""

import asyncio
import ssl
import time
import uuid
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import grpc
import structlog
from cryptography import x509
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer
from grpc_reflection.v1alpha import reflection
from msgspec import Struct

from node.errors import Code, Refusal
from node.flows.acknowledge import Acknowledging
from node.flows.answer import Answering
from node.flows.case_exchange import CaseExchange
from node.flows.cosigned import Cosigned
from node.flows.erase import Requesting
from node.flows.follow import Following
from node.flows.notify import Notifying
from node.flows.ports import Identity, TlsIdentity, Trust
from node.flows.quotas import Quotas
from node.flows.serve_trust import ServingTrust
from node.flows.witness import PROOFS_AT_ONCE, Witnessing
from node.flows.witness_ports import WitnessedElsewhere
from node.model.quota import Allowance
from node.model.trust import TrustView, spki_digest
from node.wire.case_documents import CHUNK_SIZE_BYTES
from node.wire.codec import INDEX_MAX
from node.wire.parcel import PARCEL_SIZE_MAX_BYTES, decode_parcel, encode_parcel
from node.wire.refusals import CODE_TRAILER, GRPC_STATUS, REASON_WITHHELD, WITNESSED_TRAILER
from node.wire.stubs import (
    SERVICE_NAME,
    CasePartChunk,
    CasePartRequest,
    ConsistencyRequest,
    ConsistencyResponse,
    FollowRequest,
    HeadRequest,
    HeadResponse,
    InclusionRequest,
    InclusionResponse,
    NodeServiceServicer,
    Parcel,
    TrustFileRequest,
    TrustFileResponse,
    WitnessedRequest,
    WitnessedResponse,
    WitnessRequest,
    WitnessResponse,
    add_NodeServiceServicer_to_server,
)

_KEPT_BACK_S: Final = 0.02
_PINS_REMEMBERED: Final = 1024
_CALLS_MAX: Final = 256
_HEADS: Final = Allowance(1_000.0, 100.0)
"""How much of a peer's is proved and cosigned: following at its busiest takes 320 in 15 s."""
_COSIGNATURE_COSTS: Final = 10.0
_INCLUSION_COSTS: Final = 0.1
_SIZES_FOR_ONE: Final = 64
_OPTIONS: Final = (
    ("grpc.max_send_message_length", PARCEL_SIZE_MAX_BYTES),
    ("grpc.max_receive_message_length", PARCEL_SIZE_MAX_BYTES),
    ("grpc.so_reuseport", 0),
    ("grpc.max_concurrent_streams", 128),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.keepalive_time_ms", 60_000),  # whoever follows and is gone is noticed
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
)
_log = structlog.get_logger()
_Reply = TypeVar("_Reply")
if TYPE_CHECKING:
    _Context = grpc.aio.ServicerContext[Any, Any]
else:
    _Context = grpc.aio.ServicerContext


class Head(Protocol):
    """The public side of the journal."""

    async def own_checkpoint(self) -> bytes:
        """Return the newest signed checkpoint."""
        ...

    async def own_consistencies(self, firsts: Sequence[int], second: int) -> Sequence[bytes]:
        """Return the proofs that some sizes are prefixes of another."""
        ...


class Peering(Struct, frozen=True):
    """What nodes do for each other beside the exchange."""

    head: Head
    serving_trust: ServingTrust
    witnessing: Witnessing
    cosigned: Cosigned
    acknowledging: Acknowledging
    requesting: Requesting
    cases: CaseExchange
    notifying: Notifying
    following: Following


class NodeService(NodeServiceServicer):
    """NodeService of symbolon.v1."""

    def __init__(self, answering: Answering, peering: Peering) -> None:
        """Take what is behind Exchange, and what is behind everything else."""
        self._answering = answering
        self._peering = peering
        self._quotas = Quotas(_HEADS)
        self._pins: OrderedDict[bytes, bytes] = OrderedDict()

    async def Exchange(self, request: Parcel, context: _Context) -> Parcel:  # noqa: N802 - gRPC's name
        """Queries in, answers or refusals out."""

        async def answer() -> Parcel:
            pin = self._pin(context)
            items = decode_parcel(request)
            return encode_parcel(await self._answering.exchange(pin, items))

        return await _refusing(context, answer)

    async def Erase(self, request: Parcel, context: _Context) -> Parcel:  # noqa: N802 - gRPC's name
        """Requests for erasure in, acknowledgements or refusals out."""

        async def erase() -> Parcel:
            pin = self._pin(context)
            items = decode_parcel(request)
            self._charge(context, 1.0 * len(items))  # each becomes an entry of the journal
            return encode_parcel(await self._peering.acknowledging.erase(pin, items))

        return await _refusing(context, erase)

    async def Case(self, request: Parcel, context: _Context) -> Parcel:  # noqa: N802 - gRPC's name
        """Steps of cases in, receipts or refusals out."""

        async def receive() -> Parcel:
            self._charge(context, 1.0 + len(request.items))
            items = decode_parcel(request)
            return encode_parcel(await self._peering.cases.receive(self._pin(context), items))

        return await _refusing(context, receive)

    async def CasePart(  # noqa: N802 - gRPC's name
        self, request: CasePartRequest, context: _Context
    ) -> AsyncIterator[CasePartChunk]:
        """Return a text or document of a case, piece by piece."""

        async def find() -> bytes:
            self._charge(context, _COSIGNATURE_COSTS)
            pin = self._pin(context)
            return await self._peering.cases.part(pin, request.case_id, request.digest)

        content = await _refusing(context, find)
        for start in range(0, len(content), CHUNK_SIZE_BYTES):
            yield CasePartChunk(content=content[start : start + CHUNK_SIZE_BYTES])

    async def Follow(  # noqa: N802 - gRPC's name
        self, request: FollowRequest, context: _Context
    ) -> AsyncIterator[Parcel]:
        """Stream status notices from a position on, each batch as it is said."""

        async def begin() -> bytes:
            self._charge(context, 1.0)
            return self._pin(context)

        pin = await _refusing(context, begin)
        async with aclosing(self._peering.notifying.stream(pin, request.start)) as batches:
            while (batch := await _refusing(context, lambda: anext(batches, None))) is not None:
                yield encode_parcel(batch)

    def end_streams(self) -> None:
        """End every stream, before the server waits for calls in progress."""
        self._peering.notifying.close()

    async def Head(  # noqa: N802 - gRPC's name
        self, request: HeadRequest, context: _Context
    ) -> HeadResponse:
        """Return the newest signed checkpoint."""
        del request

        async def head() -> HeadResponse:
            self._charge(context, 1.0)
            return HeadResponse(checkpoint=await self._peering.head.own_checkpoint())

        return await _refusing(context, head)

    async def Consistency(  # noqa: N802 - gRPC's name
        self, request: ConsistencyRequest, context: _Context
    ) -> ConsistencyResponse:
        """Return the proof that one tree is a prefix of another; perhaps of several."""

        async def prove() -> ConsistencyResponse:
            self._charge(context, 1.0 + len(request.further) / _SIZES_FOR_ONE)
            if len(request.further) > PROOFS_AT_ONCE:
                raise Refusal(Code.MALFORMED, f"further: more than {PROOFS_AT_ONCE} sizes")
            firsts = [request.first, *request.further]
            paths = await self._peering.head.own_consistencies(firsts, request.second)
            return ConsistencyResponse(path=paths[0], further=paths[1:])

        return await _refusing(context, prove)

    async def Witness(  # noqa: N802 - gRPC's name
        self, request: WitnessRequest, context: _Context
    ) -> WitnessResponse:
        """Cosign a peer's checkpoint."""

        async def cosign() -> WitnessResponse:
            self._charge(context, _COSIGNATURE_COSTS)
            lines = await self._peering.witnessing.add_checkpoint(request.add_checkpoint)
            return WitnessResponse(cosignatures=lines)

        return await _refusing(context, cosign)

    async def Witnessed(  # noqa: N802 - gRPC's name
        self, request: WitnessedRequest, context: _Context
    ) -> WitnessedResponse:
        """Return the largest checkpoint of a journal that this node has seen."""

        async def find() -> WitnessedResponse:
            self._charge(context, 1.0)
            note = await self._peering.witnessing.witnessed(request.origin)
            return WitnessedResponse(checkpoint=note)

        return await _refusing(context, find)

    async def Inclusion(  # noqa: N802 - gRPC's name
        self, request: InclusionRequest, context: _Context
    ) -> InclusionResponse:
        """Return the proof of an entry under a cosigned checkpoint."""

        async def prove() -> InclusionResponse:
            self._charge(context, _INCLUSION_COSTS)
            if request.index > INDEX_MAX:
                raise Refusal(Code.MALFORMED, "index: is over 2^62")
            path, note = await self._peering.cosigned.inclusion(request.index)
            return InclusionResponse(path=path, checkpoint=note)

        return await _refusing(context, prove)

    async def TrustFile(  # noqa: N802 - gRPC's name
        self, request: TrustFileRequest, context: _Context
    ) -> TrustFileResponse:
        """Return one file of the trust list in use."""

        async def find() -> TrustFileResponse:
            content = await self._peering.serving_trust.file(self._pin(context), request.name)
            return TrustFileResponse(content=content)

        return await _refusing(context, find)

    def _charge(self, context: _Context, tokens: float) -> None:
        """Charge a peer for what costs signatures, proofs or room on the disk.

        Raises:
            Refusal: BUSY where it has nothing left.
        """
        pin, now = self._pin(context), time.monotonic_ns() // 1000
        self._quotas.require(pin, now)
        self._quotas.charge(pin, tokens, now)

    def _pin(self, context: _Context) -> bytes:
        """Return the pin of the certificate that the peer proved; parsed once for each."""
        pem = next(iter(context.auth_context().get("x509_pem_cert", ())), b"")
        pin = self._pins.get(pem)
        if pin is None:
            if not pem:
                raise Refusal(Code.UNAUTHENTICATED, "no TLS certificate was presented")
            pin = self._pins[pem] = spki_digest(x509.load_pem_x509_certificate(pem))
            if len(self._pins) > _PINS_REMEMBERED:
                self._pins.popitem(last=False)
        return pin


async def _refusing(context: _Context, work: Callable[[], Awaitable[_Reply]]) -> _Reply:
    """Run the work of one call within its deadline; a refusal becomes its status."""
    # None where the caller set no deadline; the published types do not know that.
    remaining_s: float | None = context.time_remaining()
    limit_s = None if remaining_s is None else max(0.0, remaining_s - _KEPT_BACK_S)
    try:
        async with asyncio.timeout(limit_s):
            return await work()
    except Refusal as error:
        refusal = error
        if refusal.code is Code.DEFECT:
            incident = uuid.uuid4().hex
            _log.error("defect", incident=incident, door="grpc", reason=refusal.reason)
            refusal = Refusal(Code.DEFECT, f"{REASON_WITHHELD} under {incident}")
    except TimeoutError:
        refusal = Refusal(Code.BUSY, "the answer is not ready within the deadline; ask again")
    except Exception:  # noqa: BLE001 - the last door before the border
        incident = uuid.uuid4().hex
        _log.exception("defect", incident=incident, door="grpc")
        refusal = Refusal(Code.DEFECT, f"{REASON_WITHHELD} under {incident}")
    status = grpc.StatusCode[GRPC_STATUS[refusal.code]]
    trailer = [(CODE_TRAILER, refusal.code.value)]
    if isinstance(refusal, WitnessedElsewhere):
        trailer.append((WITNESSED_TRAILER, str(refusal.size)))
    await context.abort(status, refusal.reason, trailing_metadata=tuple(trailer))
    raise refusal


class RpcDoor(Struct, frozen=True):
    """A started gRPC server: its port and its health."""

    port: int
    health: HealthServicer


@asynccontextmanager
async def rpc_door(
    address: str,
    identity: Identity,
    trust: Trust,
    service: NodeService,
    *,
    grace_s: float,
) -> AsyncIterator[RpcDoor]:
    """Serve peers at host:port until the context ends; port 0 takes a free one.

    Certificates of peers and our own follow the trust list without a restart.

    Raises:
        Refusal: CONFLICT where the address cannot be had.
    """
    server = grpc.aio.server(options=_OPTIONS, maximum_concurrent_rpcs=_CALLS_MAX)
    add_NodeServiceServicer_to_server(service, server)
    health = HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    names = (SERVICE_NAME, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name)
    reflection.enable_server_reflection((*names, reflection.SERVICE_NAME), server)
    try:
        port = server.add_secure_port(address, _credentials(identity, trust))
    except RuntimeError:
        raise Refusal(
            Code.CONFLICT,
            f"listen.grpc: {address} cannot be had; is another node running there? "
            "Choose another port in symbolon.toml and in the trust list",
        ) from None
    await server.start()
    for name in ("", SERVICE_NAME):
        await health.set(name, health_pb2.HealthCheckResponse.SERVING)
    try:
        yield RpcDoor(port, health)
    finally:
        await health.enter_graceful_shutdown()
        service.end_streams()
        await server.stop(grace_s)


def _credentials(identity: Identity, trust: Trust) -> grpc.ServerCredentials:
    """Accept exactly the certificates of the trust list in force, looked up at each handshake."""
    served: tuple[TrustView | None, bytes] = (None, b"")

    def configuration(view: TrustView, own: TlsIdentity) -> grpc.ServerCertificateConfiguration:
        roots = "".join(
            ssl.DER_cert_to_PEM_cert(certificate.der)
            for node in view.nodes.values()
            for certificate in node.certificates
        )
        pair = (own.key_pem, own.certificate_pem)
        return grpc.ssl_server_certificate_configuration([pair], roots.encode())

    def follow() -> grpc.ServerCertificateConfiguration | None:
        nonlocal served
        view, own = trust.view(), identity()
        if served[0] is view and served[1] == own.certificate_pem:
            return None
        served = (view, own.certificate_pem)
        return configuration(view, own)

    return grpc.dynamic_ssl_server_credentials(
        configuration(trust.view(), identity()),
        follow,  # type: ignore[arg-type] # None means unchanged; the published types lack it
        require_client_authentication=True,
    )
