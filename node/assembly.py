"""The one composition root: who gets what. Also the only real clock and the only randomness.

`opened_node`   store and flows, no doors: what the command line needs for one action
`running_node`  all of it: store → journal → peers → doors → schedule, stopped in reverse
"""

import base64
import gc
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import structlog
from msgspec import Struct
from sqlalchemy import Connection

from node.audit.paper import print_receipt
from node.audit.receipt import check_receipt
from node.edge.health import Health
from node.edge.rest import Doors, application, listening
from node.edge.rpc import NodeService, Peering, rpc_door
from node.edge.schedule import Job, schedule
from node.errors import Code, Refusal
from node.flows.adopt_trust import adopt_or_restore, adopt_trust
from node.flows.answer import Answering
from node.flows.ask import Asking
from node.flows.cosigned import Cosigned
from node.flows.look import Looking
from node.flows.look_back import LookBack, keep_high_water, require_high_water
from node.flows.past_trust import PastTrust
from node.flows.query_trust import QueryingTrust
from node.flows.refresh_trust import Pace, RefreshState, TrustRefresh
from node.flows.registry import Registry
from node.flows.serve_trust import ServingTrust
from node.flows.share import Sharing
from node.flows.witness import Witnessing
from node.flows.witness_ports import Neighbourhood
from node.model.bounds import NODE_ID, pattern
from node.model.cosignature import Cosigner
from node.model.merkle import EMPTY_ROOT
from node.model.note import Checkpoint, sign_checkpoint
from node.model.possession import journal_key_bytes, possession_message
from node.model.quota import Allowance
from node.model.trust import (
    CertificateEntry,
    JournalEntry,
    JournalKeyEntry,
    NodeFile,
    require_own_origin,
)
from node.peers.client import GrpcPeers
from node.peers.mirrors import Mirror, TrustMirrors
from node.settings import Settings
from node.store import schema
from node.store.database import Database
from node.store.employers import SqlEmployers
from node.store.high_water import HighWaterFile
from node.store.journal import Journal, create
from node.store.keys import KeyFiles, Signer, make_keys, read_keys
from node.store.ledger import SqlLedger
from node.store.own_keys import JournalSigners, TlsIdentities
from node.store.reading import JournalReader
from node.store.tiles import SqlTiles
from node.store.trust_archive import TrustArchive
from node.store.trust_files import TrustDirectory, read_root
from node.store.trust_mirror import TrustMirror

_GRACE_S = 5.0
_log = structlog.get_logger()


def clock() -> int:
    """Return microseconds UTC since the epoch."""
    return time.time_ns() // 1000


def tune_process() -> None:
    """Set up this process for serving: for the command line and the benchmarks, called once.

    The collector's default of 700 allocations between two runs costs a busy node a sixth of its
    time; what start-up made is never looked at again. Two threads share the interpreter, and 5 ms
    until the other may run is longer than a whole commit.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)
    sys.setswitchinterval(0.00002)


class OpenedNode(Struct, frozen=True):
    """A node's store and the flows that need no peer."""

    settings: Settings
    keys: KeyFiles
    ledger: SqlLedger
    tiles: SqlTiles
    reader: JournalReader
    employers: SqlEmployers
    trust: TrustDirectory
    archive: TrustArchive
    registry: Registry
    sharing: Sharing
    looking: Looking


class RunningNode(Struct, frozen=True):
    """A node with its doors open, and where they are."""

    opened: OpenedNode
    asking: Asking
    answering: Answering
    grpc_port: int
    http_port: int
    refreshing: TrustRefresh
    peering: Peering
    look_back: LookBack


def create_node(data: Path, settings: Settings) -> NodeFile:
    """Make keys and an empty journal in a data directory; `serve` never does that.

    Returns the description that the federation puts on its trust list.

    Raises:
        Refusal: CONFLICT where there is a node already, MALFORMED where its id or its journal's
            origin is none.
    """
    pattern(settings.node.id, "node.id", NODE_ID, "a node id, like XA")
    require_own_origin(settings.node.origin, settings.node.id)
    path = data / settings.store.database
    if path.exists():
        raise Refusal(Code.CONFLICT, f"there is a journal in {path} already")
    keys = make_keys(data / settings.store.keys, settings.node.id, datetime.now(UTC))
    signers = keys.signers(settings.node.origin, post_quantum=settings.seals.ml_dsa_44)
    note = sign_checkpoint(
        Checkpoint(settings.node.origin, 0, EMPTY_ROOT), signers, clock() // 1_000_000
    )
    path.touch(0o600, exist_ok=False)
    database = Database(_url(path))

    def make(connection: Connection) -> None:
        schema.metadata.create_all(connection)
        create(connection, settings.node.id, settings.node.origin, note)

    try:
        database.write_now(make)
        _high_water(data, settings).rise(note)
    finally:
        database.close()
    return describe(settings, keys)


def describe(settings: Settings, keys: KeyFiles) -> NodeFile:
    """Return what peers must know of this node, each key with the proof that it is its own."""
    node, origin = settings.node.id, settings.node.origin
    post_quantum = settings.seals.ml_dsa_44
    since = datetime.now(UTC).replace(microsecond=0)

    def listed(signers: Sequence[Signer | Cosigner]) -> tuple[JournalKeyEntry, ...]:
        return tuple(
            JournalKeyEntry(
                str(signer.verifier),
                since,
                _base64(signer.prove(possession_message(node, journal_key_bytes(signer.verifier)))),
            )
            for signer in signers
        )

    return NodeFile(
        node=node,
        country=settings.node.country or settings.node.id,
        authority=settings.node.authority,
        endpoint=settings.listen.endpoint,
        journal=JournalEntry(origin, listed(keys.signers(origin, post_quantum=post_quantum))),
        tls=tuple(
            CertificateEntry(pair.listed, since, _base64(pair.prove(node))) for pair in keys.tls
        ),
        witness=listed(keys.cosigners(origin, post_quantum=post_quantum)),
    )


@asynccontextmanager
async def opened_node(data: Path, settings: Settings) -> AsyncIterator[OpenedNode]:
    """Open a node's store for one action or for a running node.

    The trust list in force is the one in the trust directory, where it is good; a node without
    one can still be looked at.

    Raises:
        Refusal: UNKNOWN where there is no journal, CONFLICT where it is another node's.
    """
    path = data / settings.store.database
    if not path.exists():
        raise Refusal(Code.UNKNOWN, f"there is no journal in {path}; run 'symbolon init'")
    node = settings.node
    keys = read_keys(data / settings.store.keys)
    root = read_root(data / settings.trust.root)
    trust = TrustDirectory(data / settings.trust.directory, root, clock)
    signers = JournalSigners(
        data / settings.store.keys,
        node=node.id,
        origin=node.origin,
        post_quantum=settings.seals.ml_dsa_44,
        trust=trust,
        clock=clock,
    )
    database = Database(_url(path))
    ledger = SqlLedger(database, Journal(node.origin, signers.now, clock, os.urandom), clock)
    high_water = _high_water(data, settings)
    try:
        await ledger.open(node.id, node.origin)
        with suppress(Refusal):  # the journal is held then, and whoever writes is told
            await require_high_water(ledger.heads, high_water, node.origin)
        yield OpenedNode(
            settings=settings,
            keys=keys,
            ledger=ledger,
            tiles=SqlTiles(database),
            reader=JournalReader(database),
            employers=SqlEmployers(database, os.urandom),
            trust=trust,
            archive=TrustArchive(database),
            registry=Registry(ledger, trust, node.id, clock),
            sharing=Sharing(ledger, trust, node.id, clock, os.urandom),
            looking=Looking(ledger, trust, node.id, clock),
        )
    finally:
        await ledger.close()
        if ledger.is_open and not ledger.heads.held:
            with suppress(Refusal):
                await keep_high_water(ledger.heads, high_water)
        database.close()


@asynccontextmanager
async def running_node(data: Path, settings: Settings) -> AsyncIterator[RunningNode]:
    """Run a node until the context ends.

    Raises:
        Refusal: STALE where there is no good trust list and none has been adopted before,
            CONFLICT where an address is taken.
    """
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(opened_node(data, settings))
        ledger, trust = opened.ledger, opened.trust
        identities, peers = _towards_peers(data, opened)
        stack.push_async_callback(peers.close)
        refreshing = _refreshing(data, opened, peers)
        peering, look_back = _peering(data, opened, peers)
        ledger.heads.hold("nothing is signed until this node has looked back", for_good=False)
        await _begin_with_a_list(opened, refreshing)
        await look_back.at_start()
        asking, answering = _exchange(opened, peers)
        service = NodeService(answering, peering)
        rpc = await stack.enter_async_context(
            rpc_door(settings.listen.grpc, identities.now, trust, service, grace_s=_GRACE_S)
        )
        ticking = await stack.enter_async_context(
            schedule(_jobs(opened, asking, refreshing, peering, look_back))
        )
        health = Health(
            journal=ledger,
            head=ledger.heads,
            witnessing=peering.witnessing,
            refreshing=refreshing,
            trust=trust,
            ticking=ticking,
            clock=clock,
        )
        host, port = _address(settings.listen.http, "listen.http")
        doors = Doors(
            node=settings.node.id,
            ask=asking.ask,
            asked=asking.tally,
            answered=answering.tally,
            ledger=ledger,
            employers=opened.employers,
            trust=trust,
            clock=clock,
            fitness=health.fitness,
            gauges=health.gauges,
            checkpoint=ledger.checkpoint,
            upgraded=peering.cosigned.upgraded,
            queries=_querying(opened),
            tile=opened.tiles.read,
            trust_age_us=health.trust_age_us,
            paper=_printing(data / settings.trust.root),
        )
        http_port = await stack.enter_async_context(listening(application(doors), host, port))
        _log.info("node_started", node=settings.node.id, grpc_port=rpc.port, http_port=http_port)
        yield RunningNode(
            opened, asking, answering, rpc.port, http_port, refreshing, peering, look_back
        )
        _log.info("node_stopping", node=settings.node.id)


async def adopt(opened: OpenedNode) -> bool:
    """Adopt the trust list that is in the node's trust directory."""
    return await adopt_trust(opened.ledger, opened.trust, opened.settings.node.id, clock)


async def adopt_or_restore_list(opened: OpenedNode) -> None:
    """Adopt that list or else, at a start, put the one adopted last in force again."""
    refusal = await adopt_or_restore(opened.ledger, opened.trust, opened.settings.node.id, clock)
    if refusal is not None:
        _log.warning("trust_list_restored", code=refusal.code.value, reason=refusal.reason)


async def _begin_with_a_list(opened: OpenedNode, refreshing: TrustRefresh) -> None:
    """Put a list in force: the local copy, else the last one adopted, else what a mirror has."""
    try:
        await adopt_or_restore_list(opened)
    except Refusal as refusal:
        if not opened.settings.trust.mirrors:
            raise
        _log.warning("trust_list_missing", code=refusal.code.value, reason=refusal.reason)
        await refreshing.refresh()
    refreshing.begin()


async def refresh_list(data: Path, opened: OpenedNode) -> RefreshState:
    """Refresh the trust list of a node that is not running here; returns how it went.

    Raises:
        Refusal: why no mirror worked, or why what they have cannot be adopted.
    """
    _, peers = _towards_peers(data, opened)
    try:
        with suppress(Refusal):  # a peer is a mirror only for a node that has a list already
            await adopt_or_restore_list(opened)
        refreshing = _refreshing(data, opened, peers)
        await refreshing.refresh()
        return refreshing.state
    finally:
        await peers.close()


def _querying(opened: OpenedNode) -> QueryingTrust:
    """Return what answers queries about the trust list."""
    quota = opened.settings.quota
    past = PastTrust(opened.archive, opened.trust)
    return QueryingTrust(opened.trust, past, clock, Allowance(quota.query_burst, quota.query_per_s))


def _printing(root: Path) -> Callable[[bytes], bytes]:
    """Return what prints a receipt once it has checked it against a root file."""
    return lambda receipt: print_receipt(receipt, check_receipt(receipt, read_root(root)))


def _towards_peers(data: Path, opened: OpenedNode) -> tuple[TlsIdentities, GrpcPeers]:
    """Return what the node presents to its peers, and the way to them."""
    settings, trust = opened.settings, opened.trust
    identities = TlsIdentities(data / settings.store.keys, settings.node.id, trust, clock)
    timeout_s = settings.exchange.peer_timeout_s
    return identities, GrpcPeers(identities.now, trust, clock, timeout_s=timeout_s)


def _exchange(opened: OpenedNode, peers: GrpcPeers) -> tuple[Asking, Answering]:
    """Return both sides of the exchange."""
    settings, quota = opened.settings, opened.settings.quota
    asking = Asking(
        node=settings.node.id,
        ledger=opened.ledger,
        peers=peers,
        trust=opened.trust,
        clock=clock,
        randomness=os.urandom,
        answer_within_us=settings.exchange.answer_within_s * 1_000_000,
        parcels_in_flight=settings.exchange.parcels_in_flight,
        allowance=Allowance(quota.key_burst, quota.key_per_s),
    )
    answering = Answering(
        node=settings.node.id,
        ledger=opened.ledger,
        trust=opened.trust,
        clock=clock,
        peer_allowance=Allowance(quota.peer_burst, quota.peer_per_s),
        requester_allowance=Allowance(quota.requester_burst, quota.requester_per_s),
        guess_allowance=Allowance(quota.guess_burst, quota.guess_per_s),
    )
    return asking, answering


def _refreshing(data: Path, opened: OpenedNode, peers: GrpcPeers) -> TrustRefresh:
    """Return what keeps the trust list fresh.

    Raises:
        Refusal: MALFORMED where a mirror of the settings is none.
    """
    settings = opened.settings
    mirrors = TrustMirrors(
        directory=data / settings.trust.directory,
        root=read_root(data / settings.trust.root),
        mirrors=[Mirror.parse(mirror, data) for mirror in settings.trust.mirrors],
        ask_peer=peers.trust_file,
        randomness=os.urandom,
        timeout_s=settings.trust.mirror_timeout_s,
    )
    every = settings.schedule
    return TrustRefresh(
        mirrors=mirrors if settings.trust.mirrors else None,
        adopt=lambda: adopt(opened),
        trust=opened.trust,
        clock=clock,
        randomness=os.urandom,
        pace=Pace(every.refresh_trust_s, every.retry_trust_s, every.retry_trust_max_s),
    )


def _peering(data: Path, opened: OpenedNode, peers: GrpcPeers) -> tuple[Peering, LookBack]:
    """Return what nodes do for each other, and what looks back before this one signs."""
    settings, heads, trust = opened.settings, opened.ledger.heads, opened.trust
    node, origin = settings.node.id, settings.node.origin
    about = Neighbourhood(node=node, heads=heads, peers=peers, trust=trust, clock=clock)
    post_quantum = settings.seals.ml_dsa_44
    verifiers = [key.verifier for key in opened.keys.signers(origin, post_quantum=post_quantum)]
    look_back = LookBack(
        about,
        origin=origin,
        keys=lambda: verifiers,
        high_water=_high_water(data, settings),
        timeout_s=settings.witness.ask_at_start_s,
    )
    cosigners = opened.keys.cosigners(origin, post_quantum=post_quantum)
    mirror = TrustMirror(data / settings.trust.directory)
    peering = Peering(
        head=heads,
        serving_trust=ServingTrust(node, trust, clock, mirror.file),
        witnessing=Witnessing(about, cosigners),
        cosigned=Cosigned(about, look_back),
    )
    return peering, look_back


def _high_water(data: Path, settings: Settings) -> HighWaterFile:
    name = settings.witness.high_water
    return HighWaterFile(data / name if name else None)


def _jobs(
    opened: OpenedNode,
    asking: Asking,
    refreshing: TrustRefresh,
    peering: Peering,
    look_back: LookBack,
) -> list[Job]:
    every = opened.settings.schedule
    # Whether it is time is the flow's to say; these are its looks at the clock.
    look_s = min(every.refresh_trust_s / 10, every.retry_trust_s / 2)
    return [
        Job("send_open", every.send_open_s, asking.send_open),
        Job("sign_head", every.sign_head_s, opened.ledger.sign_head),
        Job("end_share_codes", every.end_share_codes_s, opened.sharing.end_lapsed),
        Job("check_journal", every.check_journal_s, opened.ledger.check),
        Job("refresh_trust", look_s, refreshing.refresh_if_due),
        Job("follow_peers", every.follow_peers_s, peering.witnessing.follow),
        Job("collect_cosignatures", every.collect_cosignatures_s, peering.cosigned.collect),
        Job("look_back", every.look_back_s, look_back.again),
    ]


def _url(path: Path) -> str:
    return f"sqlite:///{path}"


def _address(address: str, name: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise Refusal(Code.MALFORMED, f"{name}: must be host:port")
    return host, int(port)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
