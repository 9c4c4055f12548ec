"""Peers over gRPC: one pinned channel for each node, parcels that leave when the last is back."""

import ssl
from collections.abc import Sequence
from typing import Any, Final

import grpc
from msgspec import Struct

from node.errors import Code, Refusal
from node.flows.coalesce import Coalescer
from node.flows.ports import Trust
from node.model.seal import Sealed
from node.model.trust import Node, tls_name
from node.wire.parcel import PARCEL_SIZE_MAX_BYTES, Item, decode_parcel, encode_parcel
from node.wire.refusals import from_grpc
from node.wire.stubs import NodeServiceStub

PARCEL_ITEMS_MAX: Final = 128
"""A quarter of the protocol's bound: while the peer works on one parcel, we work on another."""
_WAITING_MAX: Final = 16_384
_OPTIONS: Final = (
    ("grpc.max_send_message_length", PARCEL_SIZE_MAX_BYTES),
    ("grpc.max_receive_message_length", PARCEL_SIZE_MAX_BYTES),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)


class TlsIdentity(Struct, frozen=True):
    """What this node presents to its peers, PEM."""

    key_pem: bytes
    certificate_pem: bytes


class _Line(Struct, frozen=True):
    """An open channel, and what of the trust list it was opened for."""

    described: Node
    channel: grpc.aio.Channel
    parcels: Coalescer[Sealed, Item]


class GrpcPeers:
    """The port `Peers`: calls for one peer that wait together travel in one parcel."""

    def __init__(
        self, identity: TlsIdentity, trust: Trust, *, timeout_s: float, parcels_in_flight: int
    ) -> None:
        """Take our own TLS identity, the trust list and the deadline of one parcel."""
        self._identity = identity
        self._trust = trust
        self._timeout_s = timeout_s
        self._parcels_in_flight = parcels_in_flight
        self._lines: dict[str, _Line] = {}

    async def exchange(self, node: str, query: Sealed) -> Item:
        """Send one sealed query; returns what the peer put in its place, unchecked."""
        return await (await self._line(node)).parcels.submit(query)

    async def close(self) -> None:
        """Close every channel."""
        lines, self._lines = self._lines, {}
        for line in lines.values():
            await line.channel.close(grace=None)

    async def _line(self, node: str) -> _Line:
        described = self._trust.view().node(node)
        line = self._lines.get(node)
        if line is not None and line.described is described:
            return line
        if line is not None and line.described == described:
            self._lines[node] = _Line(described, line.channel, line.parcels)
            return self._lines[node]
        fresh = self._lines[node] = self._connect(described)
        if line is not None:
            await line.channel.close(grace=self._timeout_s)
        return fresh

    def _connect(self, node: Node) -> _Line:
        roots = b"".join(
            ssl.DER_cert_to_PEM_cert(certificate.der).encode() for certificate in node.certificates
        )
        credentials = grpc.ssl_channel_credentials(
            roots, self._identity.key_pem, self._identity.certificate_pem
        )
        options = (*_OPTIONS, ("grpc.ssl_target_name_override", tls_name(node.id)))
        channel = grpc.aio.secure_channel(node.endpoint, credentials, options=options)
        stub = NodeServiceStub(channel)

        async def send(queries: list[Sealed]) -> Sequence[Item | BaseException]:
            return await self._send(stub, queries)

        parcels: Coalescer[Sealed, Item] = Coalescer(
            send,
            batch_max=PARCEL_ITEMS_MAX,
            waiting_max=_WAITING_MAX,
            in_flight_max=self._parcels_in_flight,
        )
        return _Line(node, channel, parcels)

    async def _send(self, stub: NodeServiceStub, queries: list[Sealed]) -> Sequence[Item]:
        try:
            reply = await stub.Exchange(encode_parcel(queries), timeout=self._timeout_s)
        except grpc.aio.AioRpcError as error:
            # The published types call this an entry, not a sequence of them.
            metadata: Any = error.trailing_metadata() or ()
            trailers = {str(key): str(value) for key, value in metadata}
            raise from_grpc(error.code().name, trailers, error.details() or "") from None
        try:
            items = decode_parcel(reply)
        except Refusal as refusal:
            raise Refusal(Code.PEER_FALSE, f"the peer's parcel: {refusal.reason}") from None
        if len(items) != len(queries):
            raise Refusal(
                Code.PEER_FALSE, f"{len(queries)} queries sent, {len(items)} replies came back"
            )
        return items
