"""Real nodes on disk and on loopback, and peers that a test plays itself.

Federation  the sample federation; some of its nodes have a data directory
Log         a peer's own journal: it seals whatever bytes it is given
Dial        a peer's raw channel to a node: it sends whatever it is given
false_node  a server with a listed node's identity that replies whatever it is told to
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from node import assembly
from node.assembly import OpenedNode, RunningNode
from node.errors import Code
from node.flows.ports import Counterpart, Draft
from node.model.credential import Field
from node.model.merkle import Tile, Tree, leaf_hash
from node.model.note import Checkpoint, Ed25519Signer, Mldsa44Signer, sign_checkpoint
from node.model.seal import Sealed, commitment
from node.model.share_code import ShareCode
from node.model.statement import (
    AgreementReference,
    Body,
    Purpose,
    Query,
    Requester,
    ShareCodeSelector,
    Statement,
    TrustReference,
)
from node.model.trust import FederationFile, NodeFile, tls_name
from node.settings import (
    ExchangeSettings,
    ListenSettings,
    NodeSettings,
    QuotaSettings,
    ScheduleSettings,
    SealSettings,
    Settings,
    WitnessSettings,
)
from node.store.keys import read_keys
from node.store.trust_files import write_bundle
from node.wire.codec import encode_statement
from node.wire.parcel import Item, decode_parcel, encode_parcel
from node.wire.refusals import CODE_TRAILER
from node.wire.stubs import NodeServiceStub, Parcel
from tests.federation import (
    DAY_US,
    SECOND_US,
    START,
    Change,
    changed_agreement,
    compose,
    journal_signers,
    make_certificate,
    make_root,
    origin,
    trust_files,
    unchanged,
)
from tests.vaults import opened_copy
from tests.world import FakeClock, sample_credential, seeded_randomness

CALL_TIMEOUT_S = 10.0
REQUESTER = Requester("Werft Nord", "XB-HRB-1", "C30")
BORN = sample_credential().birth_date
_QUIET = ScheduleSettings(*[3600.0] * len(ScheduleSettings.__struct_fields__))
_SINCE = datetime(2026, 1, 1, tzinfo=UTC)

Signer = Ed25519Signer | Mldsa44Signer


# --- the federation ------------------------------------------------------------------------


class Home(Struct, frozen=True):
    """A node's data directory, its settings, and the clock that it lives by."""

    data: Path
    settings: Settings
    clock: FakeClock

    @property
    def node_id(self) -> str:
        return self.settings.node.id

    @property
    def certificate_pem(self) -> bytes:
        return read_keys(self.data / "keys").tls[0].certificate_pem

    @property
    def key_pem(self) -> bytes:
        return read_keys(self.data / "keys").tls[0].key_pem

    def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Read the node's database from outside, with what is encrypted in it in the open."""
        vault = assembly.vault_for(self.data, self.settings)
        with closing(opened_copy(self.data, vault)) as connection:
            return connection.execute(sql, parameters).fetchall()


class Federation:
    """The sample federation under a directory; what it says may be changed and published anew.

    Attributes:
        files: the files of the trust list, by path.
        trust: how statements name the list published last.
    """

    def __init__(self, base: Path, *, post_quantum: bool = True) -> None:
        self.clock = FakeClock()
        self.files = trust_files()
        self.trust = TrustReference(1, bytes(32))
        self._base = base
        self._post_quantum = post_quantum
        self._homes: list[Home] = []
        self._version = 0
        if not post_quantum:
            self.files["policy.json"] = b'{"seals_required": ["ed25519"]}'

    def add(
        self,
        node_id: str,
        *,
        quota: QuotaSettings | None = None,
        exchange: ExchangeSettings | None = None,
        witness: WitnessSettings | None = None,
        origin_name: str = "",
    ) -> Home:
        """Make a node with keys of its own, which nothing disturbs but what a test does.

        With another `origin_name` it takes the place of the one that there was.
        """
        settings = Settings(
            node=NodeSettings(node_id, f"Authority of {node_id}", origin_name or origin(node_id)),
            listen=ListenSettings("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:1"),
            seals=SealSettings(self._post_quantum),
            exchange=exchange or ExchangeSettings(peer_timeout_s=CALL_TIMEOUT_S),
            quota=quota or QuotaSettings(),
            schedule=_QUIET,
            witness=witness or WitnessSettings(),
        )
        folder = node_id if not origin_name else f"{node_id} anew"
        home = Home(self._base / folder, settings, self.clock)
        home.data.mkdir(parents=True)
        with _living_by(self.clock):
            described = assembly.create_node(home.data, settings)
        (home.data / "root.json").write_bytes(make_root())
        keys = tuple(replace(key, valid_from=_SINCE) for key in described.journal.keys)
        tls = tuple(replace(entry, valid_from=_SINCE) for entry in described.tls)
        cosigning = tuple(replace(key, valid_from=_SINCE) for key in described.witness)
        journal = replace(described.journal, keys=keys)
        self.write_node(replace(described, journal=journal, tls=tls, witness=cosigning))
        self._homes.append(home)
        return home

    def node_file(self, node_id: str) -> NodeFile:
        """Read what the list says of a node."""
        return msgspec.json.decode(self.files[f"nodes/{node_id}/node.json"], type=NodeFile)

    def write_node(self, described: NodeFile) -> None:
        """Say something else of a node in the next list."""
        self.files[f"nodes/{described.node}/node.json"] = msgspec.json.encode(described)

    def move(self, node_id: str, port: int) -> None:
        """Let peers dial a node at a port of loopback."""
        self.write_node(replace(self.node_file(node_id), endpoint=f"127.0.0.1:{port}"))

    def agree(self, one: str, other: str, **changes: object) -> None:
        """Change the agreement between two nodes; both list what it is now."""
        name = f"{one}-{other}".lower()
        self.files = changed_agreement(self.files, name, **changes)

    def suspend(self, country: str, *, suspended: bool = True) -> None:
        """Suspend a member from now on, or reinstate it."""
        federation = msgspec.json.decode(self.files["federation.json"], type=FederationFile)
        since = datetime.fromtimestamp(self.clock() // SECOND_US, UTC) if suspended else None
        members = tuple(
            replace(member, suspended_since=since) if member.country == country else member
            for member in federation.members
        )
        self.files["federation.json"] = msgspec.json.encode(replace(federation, members=members))

    def publish(self, days: int = 30, change: Change = unchanged) -> None:
        """Sign a newer list, counted from now, and put it in every node's directory."""
        self._version += 1
        now = self.clock()
        expires_at = now + days * DAY_US
        bundle = compose(self.files, self._version, expires_at, change=change)
        for home in self._homes:
            write_bundle(bundle, home.data / "trust")
        digest = hashlib.sha256(bundle.metadata["snapshot.json"]).digest()
        self.trust = TrustReference(self._version, digest)


@asynccontextmanager
async def serving(home: Home) -> AsyncIterator[RunningNode]:
    """Run a node by its clock."""
    with _living_by(home.clock):
        async with assembly.running_node(home.data, home.settings) as running:
            yield running


@asynccontextmanager
async def opened(home: Home) -> AsyncIterator[OpenedNode]:
    """Open a node's store by its clock, as a second process would."""
    with _living_by(home.clock):
        async with assembly.opened_node(home.data, home.settings) as node:
            await assembly.adopt(node)
            yield node


async def say(node: OpenedNode, clock: FakeClock, bodies: Iterable[Body]) -> None:
    """Journal statements of a node's own."""
    trust = node.trust.view().reference
    node_id = node.settings.node.id
    await node.ledger.append(
        [Draft(body, encode_statement(Statement(node_id, clock(), trust, body))) for body in bodies]
    )


_REAL_CLOCK = assembly.clock
_lived_by: list[Callable[[], int]] = []


@contextmanager
def _living_by(clock: FakeClock) -> Iterator[None]:
    # Nodes of one test end in any order, so each must not put back what it found.
    _lived_by.append(clock)
    vars(assembly)["clock"] = clock
    try:
        yield
    finally:
        _lived_by.remove(clock)
        vars(assembly)["clock"] = _lived_by[-1] if _lived_by else _REAL_CLOCK


# --- a peer's journal ----------------------------------------------------------------------


class Log:
    """A journal that seals any bytes; two of one node that differ are a fork."""

    def __init__(
        self,
        node_id: str,
        *,
        clock: Callable[[], int] | None = None,
        signers: Sequence[Signer] | None = None,
        seed: int = 1,
    ) -> None:
        self.node_id = node_id
        self.signers = journal_signers(node_id) if signers is None else signers
        self._clock = clock or (lambda: START)
        self._randomness = seeded_randomness(seed)
        self._tiles: dict[tuple[int, int], Tile] = {}
        self._tree = Tree(0, lambda level, number: self._tiles[level, number].hashes)

    @property
    def size(self) -> int:
        """How many statements it holds."""
        return self._tree.size

    @property
    def root(self) -> bytes:
        """The root of its tree."""
        return self._tree.root()

    def note(self, signers: Sequence[Signer] | None = None, origin_name: str = "") -> bytes:
        """Sign the newest checkpoint; with other keys or under another name where told to."""
        checkpoint = Checkpoint(origin_name or origin(self.node_id), self.size, self.root)
        return sign_checkpoint(checkpoint, signers or self.signers, self._clock() // SECOND_US)

    def seal(self, *statements: bytes) -> list[Sealed]:
        """Append statements together and seal them under one checkpoint."""
        start = self.size
        salts = [self._randomness(32) for _ in statements]
        leaves = [
            leaf_hash(commitment(statement, salt))
            for statement, salt in zip(statements, salts, strict=True)
        ]
        for tile in self._tree.extend(leaves):
            self._tiles[tile.level, tile.number] = tile
        note = self.note()
        return [
            Sealed(statement, salt, index, self._tree.path(index), note)
            for index, (statement, salt) in enumerate(zip(statements, salts, strict=True), start)
        ]

    def seal_again(self, sealed: Sealed) -> Sealed:
        """Seal the same statement under the newest checkpoint."""
        return replace(sealed, path=self._tree.path(sealed.index), checkpoint=self.note())

    def counterpart(self, sealed: Sealed) -> Counterpart:
        """Return a statement sealed under the newest checkpoint as its receiver keeps it."""
        stands_for = commitment(sealed.statement, sealed.salt)
        return Counterpart(
            self.node_id, origin(self.node_id), stands_for, sealed, self.size, self.root
        )


def query_to(audience: str, asker: str, now: int, **changes: Any) -> Query:
    """Return a query that opens nothing, with whatever a test changes in it."""
    first, second = sorted((asker, audience))
    query = Query(
        audience=audience,
        nonce=bytes(range(16)),
        purpose=Purpose.EMPLOYMENT,
        selector=ShareCodeSelector(bytes(32), bytes(32)),
        wanted=tuple(Field),
        requester=REQUESTER,
        answer_by=now + 240 * SECOND_US,
        agreement=AgreementReference(f"{first}-{second}".lower(), 1),
    )
    return replace(query, **changes)


def selector(code: ShareCode) -> ShareCodeSelector:
    """Return what selects the sample credential by its share code."""
    return ShareCodeSelector(code.digest, code.holder_proof(BORN))


# --- a peer's channel ----------------------------------------------------------------------


class Rejected(Exception):  # noqa: N818 - as Refusal: not a programming error
    """A call that ended with a status; `code` is what its trailer says."""

    def __init__(self, error: grpc.aio.AioRpcError) -> None:
        super().__init__(error.code(), error.details())
        trailers: Any = error.trailing_metadata()
        named = dict(trailers or ()).get(CODE_TRAILER)
        self.status = error.code().name
        self.code = None if named is None else Code(named)


class Dial:
    """A channel to a node on which a test sends what it likes."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel
        self.stub = NodeServiceStub(channel)

    async def exchange(self, *items: Item, timeout_s: float = CALL_TIMEOUT_S) -> list[Item]:
        """Send a parcel as a node would and read what comes back."""
        return await self.send(encode_parcel(items), timeout_s)

    async def send(self, parcel: Parcel, timeout_s: float = CALL_TIMEOUT_S) -> list[Item]:
        """Send a parcel made by hand and read what comes back."""
        try:
            reply = await self.stub.Exchange(parcel, timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            raise Rejected(error) from None
        return decode_parcel(reply)

    async def send_bytes(self, content: bytes) -> bytes:
        """Send any bytes where a parcel is due."""
        call: Any = self.channel.unary_unary(
            "/symbolon.v1.NodeService/Exchange",
            request_serializer=None,
            response_deserializer=None,
        )
        try:
            return bytes(await call(content, timeout=CALL_TIMEOUT_S))
        except grpc.aio.AioRpcError as error:
            raise Rejected(error) from None


@asynccontextmanager
async def dialled(
    home: Home, port: int, key_pem: bytes | None, certificate_pem: bytes | None
) -> AsyncIterator[Dial]:
    """Dial a node and present a certificate, or none."""
    credentials = grpc.ssl_channel_credentials(home.certificate_pem, key_pem, certificate_pem)
    options = (
        ("grpc.ssl_target_name_override", tls_name(home.node_id)),
        ("grpc.max_send_message_length", -1),
        ("grpc.enable_retries", 0),
    )
    target = f"127.0.0.1:{port}"
    async with grpc.aio.secure_channel(target, credentials, options=options) as channel:
        yield Dial(channel)


@asynccontextmanager
async def dialled_as(peer: str, home: Home, port: int) -> AsyncIterator[Dial]:
    """Dial a node with the certificate that the sample federation lists for a peer."""
    key_pem, certificate_pem, _ = make_certificate(peer)
    async with dialled(home, port, key_pem, certificate_pem) as dial:
        yield dial


# --- a peer's server -----------------------------------------------------------------------

Reply = Callable[[list[Sealed]], Awaitable[bytes]]


class FalseNode:
    """A server that answers as `reply` says.

    Attributes:
        reply: bytes of a parcel, or any others, for the queries that came.
        received: every query that came, in order.
    """

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.received: list[Sealed] = []
        self.port = 0

    async def exchange(self, request: Parcel, _context: object) -> bytes:
        queries = [item for item in decode_parcel(request) if isinstance(item, Sealed)]
        self.received += queries
        return await self.reply(queries)


@asynccontextmanager
async def false_node(certificate_of: str, trusting: Home, reply: Reply) -> AsyncIterator[FalseNode]:
    """Serve on loopback with the certificate of a listed node, for one node that dials it."""
    answering = FalseNode(reply)
    server = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(
        answering.exchange, request_deserializer=Parcel.FromString
    )
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(
                "symbolon.v1.NodeService",
                {"Exchange": handler, "Erase": handler, "Case": handler},
            ),
        )
    )
    key_pem, certificate_pem, _ = make_certificate(certificate_of)
    credentials = grpc.ssl_server_credentials(
        [(key_pem, certificate_pem)], trusting.certificate_pem, require_client_auth=True
    )
    answering.port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    try:
        yield answering
    finally:
        await server.stop(None)


async def for_ever(_queries: list[Sealed]) -> bytes:
    """Never reply."""
    await asyncio.Event().wait()
    return b""
