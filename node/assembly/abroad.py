"""What a node does towards other nodes: asks, answers, follows, witnesses, fetches lists."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from node.assembly.making import high_water
from node.assembly.opened import OpenedNode
from node.edge.rpc import Peering
from node.flows.answer import Answering
from node.flows.ask import Asking
from node.flows.case_exchange import CaseExchange
from node.flows.cosigned import Cosigned
from node.flows.follow import Following
from node.flows.look_back import LookBack
from node.flows.notify import Notifying
from node.flows.ports import Clock
from node.flows.refresh_trust import Pace, TrustRefresh
from node.flows.serve_trust import ServingTrust
from node.flows.witness import Witnessing
from node.flows.witness_ports import Neighbourhood
from node.model.quota import Allowance
from node.peers.client import GrpcPeers
from node.peers.mirrors import Mirror, TrustMirrors
from node.store.own_keys import TlsIdentities, WitnessSigners
from node.store.trust_files import read_root
from node.store.trust_mirror import TrustMirror


def towards_peers(data: Path, opened: OpenedNode, clock: Clock) -> tuple[TlsIdentities, GrpcPeers]:
    """Return what the node presents to its peers, and the way to them."""
    settings, trust = opened.settings, opened.trust
    identities = TlsIdentities(data / settings.store.keys, settings.node.id, trust, clock)
    timeout_s = settings.exchange.peer_timeout_s
    return identities, GrpcPeers(identities.now, trust, clock, timeout_s=timeout_s)


def exchange(opened: OpenedNode, peers: GrpcPeers, clock: Clock) -> tuple[Asking, Answering]:
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


def following(opened: OpenedNode, peers: GrpcPeers, clock: Clock) -> Following:
    """Return what follows watched credentials at other nodes."""
    return Following(
        node=opened.settings.node.id,
        ledger=opened.ledger,
        books=opened.ledger.notices,
        peers=peers,
        trust=opened.trust,
        clock=clock,
        randomness=os.urandom,
        public=not opened.settings.webhooks.anywhere,
    )


def refreshing_of(
    data: Path,
    opened: OpenedNode,
    peers: GrpcPeers,
    clock: Clock,
    adopt: Callable[[], Awaitable[bool]],
) -> TrustRefresh:
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
        adopt=adopt,
        trust=opened.trust,
        clock=clock,
        randomness=os.urandom,
        pace=Pace(every.refresh_trust_s, every.retry_trust_s, every.retry_trust_max_s),
    )


def peering_of(
    data: Path, opened: OpenedNode, peers: GrpcPeers, clock: Clock
) -> tuple[Peering, LookBack]:
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
        high_water=high_water(data, settings),
        timeout_s=settings.witness.ask_at_start_s,
    )
    cosigners = WitnessSigners(
        data / settings.store.keys,
        node=node,
        origin=origin,
        post_quantum=post_quantum,
        trust=trust,
        clock=clock,
    )
    mirror = TrustMirror(data / settings.trust.directory)
    peering = Peering(
        head=heads,
        serving_trust=ServingTrust(node, trust, clock, mirror.file),
        witnessing=Witnessing(about, cosigners.now),
        cosigned=Cosigned(about, look_back),
        acknowledging=opened.erasure.acknowledging,
        requesting=opened.erasure.requesting(peers),
        cases=CaseExchange(node, opened.ledger, opened.ledger.cases, peers, trust, clock),
        notifying=Notifying(node, opened.ledger, opened.ledger.notices, trust, clock),
        following=following(opened, peers, clock),
    )
    return peering, look_back
