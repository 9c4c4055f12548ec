"""Peers over gRPC: one pinned channel for each node, parcels that leave when the last is back."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import grpc
from msgspec import Struct
from msgspec.structs import replace

from node.errors import Code, Refusal
from node.flows.ports import Clock, FalseReply, Identity, Trust
from node.flows.witness_ports import WitnessedElsewhere
from node.model.seal import Sealed
from node.model.trust import Node, tls_name
from node.wire.case_documents import SEALED_SIZE_MAX_BYTES
from node.wire.parcel import PARCEL_SIZE_MAX_BYTES, Item, encode_parcel, parse_parcel
from node.wire.refusals import WITNESSED_SIZE, WITNESSED_TRAILER, from_grpc
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
    Parcel,
    TrustFileRequest,
    TrustFileResponse,
    WitnessedRequest,
    WitnessedResponse,
    WitnessRequest,
    WitnessResponse,
)

_EVIDENCE_MAX_BYTES: Final = 64 * 1024
_Exchange = Callable[..., Awaitable[bytes]]
_OPTIONS: Final = (
    ("grpc.max_send_message_length", PARCEL_SIZE_MAX_BYTES),
    ("grpc.max_receive_message_length", PARCEL_SIZE_MAX_BYTES),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 5_000),  # in truth the time for TCP and TLS to come about
    ("grpc.max_reconnect_backoff_ms", 2_000),
)


class _Line(Struct, frozen=True):
    """An open channel, what of the trust list it was opened for, and until when that holds.

    `presented` is our own certificate.
    """

    described: Node
    presented: bytes
    until: int | None
    channel: grpc.aio.Channel
    exchange: _Exchange
    erase: _Exchange
    case: _Exchange


class GrpcPeers:
    """The port `Peers`: one channel for each peer, renewed as the trust list describes it anew."""

    def __init__(
        self,
        identity: Identity,
        trust: Trust,
        clock: Clock,
        *,
        timeout_s: float,
    ) -> None:
        """Take what we present over TLS, the trust list, a clock and the deadline of one parcel."""
        self._identity = identity
        self._trust = trust
        self._clock = clock
        self._timeout_s = timeout_s
        self._lines: dict[str, _Line] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def exchange(self, node: str, queries: Sequence[Sealed]) -> Sequence[Item]:
        """Send sealed queries as one parcel; returns what the peer put in their places."""
        self._trust.view().member(node, self._clock())
        return await self._parcel(self._line(node).exchange, queries)

    async def request_erasure(self, node: str, requests: Sequence[Sealed]) -> Sequence[Item]:
        """Send sealed requests as one parcel (port `ErasurePeers`)."""
        self._trust.view().member(node, self._clock())
        return await self._parcel(self._line(node).erase, requests)

    async def case_steps(self, node: str, steps: Sequence[Sealed]) -> Sequence[Item]:
        """Send sealed steps as one parcel (port `CasePeers`)."""
        self._trust.view().member(node, self._clock())
        return await self._parcel(self._line(node).case, steps)

    async def case_part(self, node: str, case: bytes, digest: bytes) -> bytes:
        """Return a document as its node encrypted it; bounded, unchecked (port `CasePeers`)."""
        self._trust.view().member(node, self._clock())
        call: Any = self._line(node).channel.unary_stream(
            f"/{SERVICE_NAME}/CasePart",
            request_serializer=CasePartRequest.SerializeToString,
            response_deserializer=CasePartChunk.FromString,
        )
        request = CasePartRequest(case_id=case, digest=digest)
        content = bytearray()
        with _refusals():
            async for chunk in call(request, timeout=self._timeout_s):
                content += chunk.content
                if len(content) > SEALED_SIZE_MAX_BYTES:
                    raise Refusal(Code.PEER_FALSE, "a document is larger than one can be")
        return bytes(content)

    async def follow(self, node: str, start: int) -> AsyncIterator[Sequence[Item]]:
        """Yield a peer's notices from a position on, unchecked (port `FollowPeers`)."""
        self._trust.view().member(node, self._clock())
        call: Any = self._line(node).channel.unary_stream(
            f"/{SERVICE_NAME}/Follow",
            request_serializer=FollowRequest.SerializeToString,
            response_deserializer=None,
        )
        stream = call(FollowRequest(start=start))  # gRPC reads ahead no further than its window
        try:
            with _refusals():
                async for parcel in stream:
                    yield parse_parcel(parcel)
            raise Refusal(Code.PEER_SILENT, "the peer ended the stream")
        finally:
            stream.cancel()

    async def _parcel(self, call: _Exchange, said: Sequence[Sealed]) -> Sequence[Item]:
        with _refusals():
            reply = await call(encode_parcel(said), timeout=self._timeout_s)
        evidence = reply[:_EVIDENCE_MAX_BYTES]
        try:
            items = parse_parcel(reply)
        except Refusal as refusal:
            raise FalseReply(f"the peer's parcel: {refusal.reason}", evidence) from None
        if len(items) != len(said):
            raise FalseReply(f"{len(said)} statements sent, {len(items)} replies came", evidence)
        return items

    async def trust_file(self, node: str, name: str) -> bytes:
        """Return a file of the trust list that a node has in use; the list may be out of date.

        Raises:
            Refusal: UNKNOWN where the node has no such file, PEER_SILENT where it does not answer.
        """
        reply = await self._call(node, "TrustFile", TrustFileRequest(name=name), TrustFileResponse)
        return bytes(reply.content)

    async def head(self, node: str) -> bytes:
        """Return a peer's newest signed checkpoint, unchecked (port `WitnessPeers`)."""
        reply = await self._call(node, "Head", HeadRequest(), HeadResponse)
        return bytes(reply.checkpoint)

    async def consistency(
        self, node: str, first: int, second: int, further: Sequence[int] = ()
    ) -> tuple[bytes, Sequence[bytes]]:
        """Return a peer's consistency proofs, unchecked (port `WitnessPeers`)."""
        request = ConsistencyRequest(first=first, second=second, further=further)
        reply = await self._call(node, "Consistency", request, ConsistencyResponse)
        return bytes(reply.path), tuple(reply.further)

    async def add_checkpoint(self, node: str, body: bytes) -> bytes:
        """Ask a witness to cosign; returns signature lines, unchecked (port `WitnessPeers`)."""
        request = WitnessRequest(add_checkpoint=body)
        reply = await self._call(node, "Witness", request, WitnessResponse)
        return bytes(reply.cosignatures)

    async def witnessed(self, node: str, origin: str) -> bytes:
        """Return the largest checkpoint of a journal that a peer has seen; empty for none."""
        request = WitnessedRequest(origin=origin)
        reply = await self._call(node, "Witnessed", request, WitnessedResponse)
        return bytes(reply.checkpoint)

    async def inclusion(self, node: str, index: int) -> tuple[bytes, bytes]:
        """Return path and cosigned checkpoint of an entry, unchecked (port `WitnessPeers`)."""
        request = InclusionRequest(index=index)
        reply = await self._call(node, "Inclusion", request, InclusionResponse)
        return bytes(reply.path), bytes(reply.checkpoint)

    async def _call(self, node: str, method: str, request: Any, response: Any) -> Any:  # noqa: ANN401 - messages
        call: Any = self._line(node).channel.unary_unary(
            f"/{SERVICE_NAME}/{method}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=response.FromString,
        )
        with _refusals():
            return await call(request, timeout=self._timeout_s)

    async def close(self) -> None:
        """Close every channel."""
        lines, self._lines = self._lines, {}
        for line in lines.values():
            await line.channel.close(grace=None)
        if self._closing:
            await asyncio.wait(self._closing)

    def _line(self, node: str) -> _Line:
        described = self._trust.view().node(node)
        line = self._lines.get(node)
        now = self._clock()
        if line is not None and (line.until is None or now < line.until):
            if line.described is described:
                return line
            # Another list, which may name other certificates of ours too.
            if line.described == described and line.presented == self._identity().certificate_pem:
                self._lines[node] = replace(line, described=described)
                return self._lines[node]
        fresh = self._lines[node] = self._connect(described, now)
        if line is not None:
            closing = asyncio.create_task(line.channel.close(grace=self._timeout_s))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
        return fresh

    def _connect(self, node: Node, now: int) -> _Line:
        current = [entry for entry in node.certificates if node.accepts(entry.spki_digest, now)]
        if not current:
            raise Refusal(Code.PEER_SILENT, f"no TLS certificate of {node.id} is current")
        changes = [
            at
            for entry in node.certificates
            for at in (entry.valid_from, entry.valid_until)
            if at is not None and at > now
        ]
        own = self._identity()
        if own.until is not None:
            changes.append(own.until)
        roots = b"".join(ssl.DER_cert_to_PEM_cert(entry.der).encode() for entry in current)
        credentials = grpc.ssl_channel_credentials(roots, own.key_pem, own.certificate_pem)
        options = (*_OPTIONS, ("grpc.ssl_target_name_override", tls_name(node.id)))
        channel = grpc.aio.secure_channel(node.endpoint, credentials, options=options)
        # Replies come as bytes: what is no parcel is evidence, where a stub would lose it.
        exchange: Any
        erase: Any
        case: Any
        exchange, erase, case = (
            channel.unary_unary(
                f"/{SERVICE_NAME}/{method}",
                request_serializer=Parcel.SerializeToString,
                response_deserializer=None,
            )
            for method in ("Exchange", "Erase", "Case")
        )
        until = min(changes, default=None)
        return _Line(node, own.certificate_pem, until, channel, exchange, erase, case)


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn what a call may end with into a refusal."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        # The published types call this an entry, not a sequence of them.
        metadata: Any = error.trailing_metadata() or ()
        trailers = {str(key): str(value) for key, value in metadata}
        size = trailers.get(WITNESSED_TRAILER, "")
        if WITNESSED_SIZE.fullmatch(size):
            raise WitnessedElsewhere(int(size)) from None
        raise from_grpc(error.code().name, trailers, error.details() or "") from None
    except (grpc.aio.UsageError, asyncio.CancelledError):
        # The channel was closed under the call, because the trust list describes the peer anew.
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise Refusal(Code.PEER_SILENT, "the connection to the peer was renewed") from None
