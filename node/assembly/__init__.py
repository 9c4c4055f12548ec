"""The one composition root: who gets what. Also the only real clock and the only randomness.

`opened_node`   store and flows, no doors: what the command line needs for one action
`running_node`  all of it: store → journal → peers → doors → schedule, stopped in reverse

The parts are put together in `making` (a new node), `abroad` (towards other nodes), `doors` (HTTP)
and `jobs` (the schedule); each is given the clock.
"""

import gc
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from msgspec import structs

from node.assembly.abroad import exchange, peering_of, refreshing_of, towards_peers
from node.assembly.doors import documents_of, doors_of, health_of, roles_of
from node.assembly.jobs import jobs_of, watching
from node.assembly.making import describe, high_water, make_node, vault_for
from node.assembly.opened import OpenedNode, RunningNode
from node.edge.rest import application, listening
from node.edge.rpc import NodeService, rpc_door
from node.edge.schedule import schedule
from node.errors import Refusal
from node.flows.adopt_trust import adopt_or_restore, adopt_trust
from node.flows.casework import Casework
from node.flows.erasing import ErasureFlows
from node.flows.holder import HolderFlows
from node.flows.look_back import keep_high_water, require_high_water
from node.flows.post_notices import Posting
from node.flows.refresh_trust import RefreshState, TrustRefresh
from node.flows.registry import Registry
from node.model.quota import Allowance
from node.model.retention import retentions_of
from node.model.trust import (
    NodeFile,
)
from node.peers.client import GrpcPeers
from node.peers.webhooks import HttpHooks
from node.settings import Settings, host_and_port
from node.store.employers import SqlEmployers
from node.store.import_files import IMPORTS, FileImports
from node.store.journal import Journal
from node.store.keys import read_keys
from node.store.labels import SqlLabels
from node.store.ledger import SqlLedger
from node.store.opening import open_database
from node.store.own_keys import JournalSigners
from node.store.reading import JournalReader
from node.store.tiles import SqlTiles
from node.store.trust_archive import TrustArchive
from node.store.trust_files import TrustDirectory, read_root

if TYPE_CHECKING:
    from node.flows.documents import Documents

__all__ = [
    "OpenedNode",
    "RunningNode",
    "adopt",
    "adopt_or_restore_list",
    "clock",
    "create_node",
    "describe",
    "documents",
    "opened_node",
    "refresh_list",
    "running_node",
    "tune_process",
    "vault_for",
]

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


def create_node(data: Path, settings: Settings) -> NodeFile:
    """Make keys and an empty journal in a data directory; `serve` never does that.

    Returns the description that the federation puts on its trust list.

    Raises:
        Refusal: CONFLICT where there is a node already, MALFORMED where its id or its journal's
            origin is none.
    """
    return make_node(data, settings, clock())


@asynccontextmanager
async def opened_node(data: Path, settings: Settings) -> AsyncIterator[OpenedNode]:
    """Open a node's store for one action or for a running node.

    The trust list in force is the one in the trust directory, where it is good; a node without
    one can still be looked at.

    Raises:
        Refusal: UNKNOWN where there is no journal, CONFLICT where it is another node's.
    """
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
    database = open_database(data, settings.store.database, vault_for(data, settings))
    ledger = SqlLedger(database, Journal(node.origin, signers.now, clock, os.urandom), clock)
    marked = high_water(data, settings)
    periods, roles = retentions_of(structs.asdict(settings.retention)), roles_of(settings)
    quota = Allowance(settings.quota.holder_burst, settings.quota.holder_per_s)
    registry = Registry(ledger, trust, node.id, clock, roles)
    holding = HolderFlows(
        *(node.id, node.authority, ledger, ledger.holders, trust, clock, os.urandom, quota, roles)
    )
    try:
        await ledger.open(node.id, node.origin)
        with suppress(Refusal):  # the journal is held then, and whoever writes is told
            await require_high_water(ledger.heads, marked, node.origin)
        yield OpenedNode(
            settings=settings,
            keys=keys,
            ledger=ledger,
            tiles=SqlTiles(database),
            reader=JournalReader(database),
            employers=SqlEmployers(database, os.urandom),
            trust=trust,
            archive=TrustArchive(database),
            registry=registry,
            imports=FileImports(registry, trust, data / IMPORTS, clock),
            sharing=holding.sharing,
            looking=holding.looking,
            labels=SqlLabels(database),
            casework=Casework(ledger.cases, trust, node.id, clock, os.urandom),
            erasure=ErasureFlows(
                node.id, node.authority, ledger, ledger.erasures, trust, clock, periods, roles
            ),
            holding=holding,
        )
    finally:
        await ledger.close()
        if ledger.is_open and not ledger.heads.held:
            with suppress(Refusal):
                await keep_high_water(ledger.heads, marked)
        database.close()


@asynccontextmanager
async def running_node(data: Path, settings: Settings) -> AsyncIterator[RunningNode]:
    """Run a node until the context ends.

    Raises:
        Refusal: STALE without a good trust list now or before, CONFLICT where an address is taken.
    """
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(opened_node(data, settings))
        ledger, trust = opened.ledger, opened.trust
        identities, peers = towards_peers(data, opened, clock)
        stack.push_async_callback(peers.close)
        refreshing = _refreshing(data, opened, peers)
        peering, look_back = peering_of(data, opened, peers, clock)
        ledger.heads.hold("nothing is signed until this node has looked back", for_good=False)
        await _begin_with_a_list(opened, refreshing)
        await look_back.at_start()
        await opened.erasure.finish()
        asking, answering = exchange(opened, peers, clock)
        stack.push_async_callback(peering.following.close)
        hooks = HttpHooks(public=not settings.webhooks.anywhere)
        stack.push_async_callback(hooks.close)
        posting = Posting(ledger.notices, hooks, clock, os.urandom)
        service = NodeService(answering, peering)
        rpc = await stack.enter_async_context(
            rpc_door(settings.listen.grpc, identities.now, trust, service, grace_s=_GRACE_S)
        )
        ticking = await stack.enter_async_context(
            schedule(
                jobs_of(
                    opened,
                    asking=asking,
                    refreshing=refreshing,
                    peering=peering,
                    look_back=look_back,
                    posting=posting,
                )
                + watching(data, opened, clock)
            )
        )
        health = health_of(opened, peering, refreshing, ticking, posting, clock)
        host, port = host_and_port(settings.listen.http, "listen.http")
        doors = doors_of(
            data,
            opened,
            asking=asking,
            answering=answering,
            peering=peering,
            health=health,
            clock=clock,
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
    _, peers = towards_peers(data, opened, clock)
    try:
        with suppress(Refusal):  # a peer is a mirror only for a node that has a list already
            await adopt_or_restore_list(opened)
        refreshing = _refreshing(data, opened, peers)
        await refreshing.refresh()
        return refreshing.state
    finally:
        await peers.close()


def documents(data: Path, opened: OpenedNode) -> "Documents":
    """Return what makes open documents of a node's credentials (see `doors.documents`)."""
    return documents_of(data, opened, clock)


def _refreshing(data: Path, opened: OpenedNode, peers: GrpcPeers) -> TrustRefresh:
    return refreshing_of(data, opened, peers, clock, lambda: adopt(opened))
