"""Witnesses, between real nodes: cosigning, following, forks, the race of C2SP tlog-witness."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from node.assembly import adopt
from node.errors import Code, Refusal
from node.flows.ask import Inquiry
from node.flows.ports import Employer
from node.flows.witness_ports import WitnessedElsewhere
from node.model.cosignature import AddCheckpoint, open_cosignatures, witness_name
from node.model.credential import Field
from node.model.fork import head_of
from node.model.merkle import EMPTY_ROOT
from node.model.note import Checkpoint, sign_checkpoint, split_note
from node.model.statement import Outcome, Purpose
from node.wire.stubs import (
    ConsistencyRequest,
    InclusionRequest,
    WitnessedRequest,
    WitnessRequest,
)
from tests.federation import journal_signers, origin
from tests.neighbours import Neighbours, neighbours
from tests.nodes import BORN, REQUESTER, Log, Rejected, dialled, dialled_as
from tests.scenes import Scene, staged


@pytest.fixture
async def three(tmp_path: Path) -> AsyncIterator[Neighbours]:
    async with neighbours(tmp_path) as found:
        yield found


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """XA runs; XB is played by the test."""
    async with staged(tmp_path) as scene:
        yield scene


# --- collecting ----------------------------------------------------------------------------


async def test_a_head_gets_the_cosignatures_of_all_its_peers(three: Neighbours) -> None:
    head = await three.grow("XA")
    await three.collect("XA")
    note = (await three.running["XA"].opened.ledger.heads.cosigned_over(0, 2))[0].note
    view = three.running["XC"].opened.trust.view()
    assert head_of(note) == head
    assert view.cosigners(view.node("XA"), note) == {"XB", "XC"}
    names = [name for name, _, _ in split_note(note)[1]]
    assert names == [
        *[origin("XA")] * 2,
        *[witness_name(origin("XB"))] * 2,
        *[witness_name(origin("XC"))] * 2,
    ]


async def test_each_later_head_is_cosigned_from_where_its_witness_stood(three: Neighbours) -> None:
    for count in (1, 4, 300):
        head = await three.grow("XA", count)
        await three.collect("XA")
        for witness in ("XB", "XC"):
            seen = await three.running[witness].opened.ledger.heads.cosigned(origin("XA"))
            assert seen is not None
            assert (seen.seen.size, seen.seen.root) == (head.size, head.root)
        assert await three.running["XA"].opened.ledger.heads.cosigned_size(2) == head.size


async def test_a_restarted_owner_and_a_restarted_witness_go_on_where_they_were(
    three: Neighbours,
) -> None:
    await three.grow("XA")
    await three.collect("XA")
    for node in ("XA", "XB"):
        await three.stop(node)
        await three.start(node)
    head = await three.grow("XA")
    await three.collect("XA")
    assert await three.running["XA"].opened.ledger.heads.cosigned_size(2) == head.size


async def test_a_silent_witness_holds_up_no_other(three: Neighbours) -> None:
    head = await three.grow("XA")
    await three.stop("XB")
    await three.collect("XA")
    heads = three.running["XA"].opened.ledger.heads
    assert await heads.cosigned_size(1) == head.size
    assert await heads.cosigned_size(2) == 0


async def test_cosignatures_of_past_hours_are_thinned_out_to_one_checkpoint(
    three: Neighbours,
) -> None:
    sizes = []
    for _ in range(3):
        for _ in range(3):
            sizes.append((await three.grow("XA", 1)).size)
            await three.collect("XA")
        three.federation.clock.advance(3600)
    last = (await three.grow("XA", 1)).size
    await three.collect("XA")
    kept = three.homes["XA"].rows("SELECT size, count(*) FROM cosignature GROUP BY size")
    assert kept == [(size, 2) for size in [*sizes[2::3], last]]


# --- following -----------------------------------------------------------------------------


async def test_every_node_follows_every_peers_head(three: Neighbours) -> None:
    heads = {node: await three.grow(node) for node in ("XA", "XB", "XC")}
    for node in heads:
        await three.follow(node)
    for node, running in three.running.items():
        for peer, head in heads.items():
            seen = await running.opened.ledger.heads.cosigned(origin(peer))
            if peer == node:
                assert seen is None
            else:
                assert seen is not None
                assert seen.seen.root == head.root
                opened = open_cosignatures(
                    head,
                    seen.cosignatures,
                    [key.verifier for key in running.opened.trust.view().node(node).witness_keys],
                )
                assert len(opened.signed_by) == 2


async def ask(three: Neighbours, asker: str, code: Any) -> Outcome:
    inquiry = Inquiry(code, BORN, Purpose.EMPLOYMENT, tuple(Field))
    told = await three.running[asker].asking.ask(Employer("key-1", REQUESTER), inquiry)
    assert told.answer is not None
    return told.answer.outcome


async def test_checkpoints_that_came_with_statements_are_proved_by_the_next_round(
    three: Neighbours,
) -> None:
    code = await three.share("XA")
    for _ in range(5):
        assert await ask(three, "XB", code) is Outcome.CONFIRMED
    for node, peer in (("XA", "XB"), ("XB", "XA")):
        count = "SELECT count(*) FROM peer_checkpoint WHERE origin = ? AND proved = ?"
        assert three.homes[node].rows(count, origin(peer), 0) == [(5,)]
        await three.follow(node)
        assert three.homes[node].rows(count, origin(peer), 0) == [(0,)]
        assert three.running[node].peering.witnessing.unproved == {}


async def test_bare_heads_of_past_hours_are_thinned_out_to_one_and_those_of_statements_stay(
    three: Neighbours,
) -> None:
    sizes = []
    code = await three.share("XB")
    resting: list[int] = []
    for hour in range(3):
        for _ in range(3):
            sizes.append((await three.grow("XB", 1)).size)
            await three.follow("XA")
        if hour == 1:
            await ask(three, "XA", code)
            resting = [size for (size,) in three.homes["XA"].rows("SELECT size FROM counterpart")]
        three.federation.clock.advance(3600)
    last = (await three.grow("XB", 1)).size
    await three.follow("XA")
    kept = three.homes["XA"].rows(
        "SELECT size FROM peer_checkpoint WHERE origin = ? ORDER BY size", origin("XB")
    )
    assert resting
    assert [size for (size,) in kept] == sorted({*sizes[2::3], *resting, last})


async def test_nodes_cosign_each_other_while_both_are_under_load(three: Neighbours) -> None:
    codes = {node: await three.share(node) for node in ("XA", "XB")}
    done = asyncio.Event()

    async def load(asker: str, answerer: str) -> int:
        count = 0
        while not done.is_set():
            asked = (ask(three, asker, codes[answerer]) for _ in range(8))
            assert set(await asyncio.gather(*asked)) == {Outcome.CONFIRMED}
            count += 8
        return count

    loads = [asyncio.create_task(load(*pair)) for pair in (("XA", "XB"), ("XB", "XA"))]
    try:
        for _ in range(10):
            rounds = [three.collect(node) for node in three.running]
            rounds += [three.follow(node) for node in three.running]
            await asyncio.gather(*rounds)
    finally:
        done.set()
        counts = await asyncio.gather(*loads)
    assert min(counts) > 0
    for node, running in three.running.items():
        assert running.opened.ledger.forked_journals() == frozenset()
        assert running.peering.witnessing.unproved == {}
        assert running.peering.witnessing.behind == {}
        await three.grow(node)
        await three.collect(node)
        size = (await three.head(node)).size
        assert await running.opened.ledger.heads.cosigned_size(2) == size
        assert await running.opened.ledger.check() == size


# --- what is refused -----------------------------------------------------------------------


async def add(scene: Scene, old: int, note: bytes, path: bytes = b"") -> bytes:
    body = AddCheckpoint(old, path, note).render()
    reply = await scene.xb.stub.Witness(WitnessRequest(add_checkpoint=body), timeout=10)
    return bytes(reply.cosignatures)


async def turned_away(scene: Scene, body: bytes) -> Rejected:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await scene.xb.stub.Witness(WitnessRequest(add_checkpoint=body), timeout=10)
    return Rejected(caught.value)


def grown(scene: Scene, count: int = 4) -> bytes:
    scene.log.seal(*[b"statement"] * count)
    return scene.log.note()


def path_from(log: Log, old: int) -> bytes:
    return log._tree.consistency(old)


async def test_cosigns_a_peers_first_head_and_every_one_that_extends_it(scene: Scene) -> None:
    note = grown(scene)
    lines = await add(scene, 0, note)
    view = scene.running.opened.trust.view()
    assert view.cosigners(view.node("XB"), note + lines) == {"XA"}
    again = await add(scene, 4, note)
    assert view.cosigners(view.node("XB"), note + again) == {"XA"}
    later = grown(scene)
    lines = await add(scene, 4, later, path_from(scene.log, 4))
    assert view.cosigners(view.node("XB"), later + lines) == {"XA"}


async def test_refuses_a_request_that_is_none(scene: Scene) -> None:
    note = grown(scene)
    for body in (b"", note, b"old 5\n\n" + note, b"old 0\n" + b"A" * 43 + b"=\n\n" + note):
        assert (await turned_away(scene, body)).code is Code.MALFORMED
    for body in (b"x" * 100_000, b"old 0\n\n" + note + note):
        assert (await turned_away(scene, body)).code is Code.MALFORMED


async def test_refuses_a_journal_that_nobody_on_the_list_has(scene: Scene) -> None:
    log = Log("XD")
    log.seal(b"statement")
    rejected = await turned_away(scene, AddCheckpoint(0, b"", log.note()).render())
    assert rejected.code is Code.UNKNOWN
    own = await scene.running.opened.ledger.checkpoint()
    rejected = await turned_away(scene, AddCheckpoint(0, b"", own).render())
    assert rejected.code is Code.UNKNOWN


async def test_refuses_a_head_that_its_owner_has_not_signed(scene: Scene) -> None:
    grown(scene)
    forged = scene.log.note(signers=Log("XC").signers, origin_name=origin("XB"))
    other_keys = scene.log.note(signers=journal_signers("XB", 2))
    one_kind = scene.log.note(signers=scene.log.signers[:1])
    spoilt = scene.log.note().replace(b"\n4\n", b"\n5\n")
    for note in (forged, other_keys, one_kind, spoilt):
        rejected = await turned_away(scene, AddCheckpoint(0, b"", note).render())
        assert rejected.code is Code.UNAUTHENTICATED
    assert scene.home.rows("SELECT * FROM peer_head") == []


async def test_refuses_a_suspended_peers_head(scene: Scene) -> None:
    scene.federation.suspend("XB")
    scene.federation.publish()
    await adopt(scene.running.opened)
    rejected = await turned_away(scene, AddCheckpoint(0, b"", grown(scene)).render())
    assert rejected.code is Code.UNTRUSTED


async def test_tells_from_which_size_a_proof_is_due(scene: Scene) -> None:
    first = grown(scene)
    await add(scene, 0, first)
    second = grown(scene)
    for old in (0, 3, 5, 8):
        body = AddCheckpoint(old, path_from(scene.log, old), second).render()
        assert (await turned_away(scene, body)).code is Code.CONFLICT
    smaller = AddCheckpoint(0, b"", first).render()
    assert (await turned_away(scene, smaller)).code is Code.CONFLICT
    with pytest.raises(WitnessedElsewhere) as caught:
        await scene.running.peering.witnessing.add_checkpoint(smaller)
    assert caught.value.size == 4


async def test_refuses_a_proof_that_leads_elsewhere_and_keeps_the_head(scene: Scene) -> None:
    await add(scene, 0, grown(scene))
    before = scene.home.rows("SELECT size, root FROM peer_head")
    later = grown(scene)
    path = path_from(scene.log, 4)
    for wrong in (path[::-1], bytes(len(path)), path[:-32], path + bytes(32), b""):
        rejected = await turned_away(scene, AddCheckpoint(4, wrong, later).render())
        assert rejected.code in {Code.UNAUTHENTICATED, Code.MALFORMED}
    assert scene.home.rows("SELECT size, root FROM peer_head") == before


async def test_an_empty_head_is_cosigned_and_gone_on_from(scene: Scene) -> None:
    empty = Checkpoint(origin("XB"), 0, EMPTY_ROOT)
    note = sign_checkpoint(empty, scene.log.signers, scene.now // 1_000_000)
    await add(scene, 0, note)
    await add(scene, 0, grown(scene))
    assert scene.home.rows("SELECT size FROM peer_head") == [(4,)]


async def test_no_cosignature_is_given_for_less_than_came_with_a_statement(scene: Scene) -> None:
    first = grown(scene)
    await scene.ask()
    scene.federation.clock.advance(61)
    rejected = await turned_away(scene, AddCheckpoint(0, b"", first).render())
    assert rejected.code is Code.CONFLICT
    assert "no smaller one" in str(rejected.args[1])


async def test_of_two_racing_heads_one_is_cosigned_and_none_is_rolled_back(scene: Scene) -> None:
    await add(scene, 0, grown(scene))
    requests = []
    for _ in range(6):
        grown(scene, 1)
        requests.append(AddCheckpoint(4, path_from(scene.log, 4), scene.log.note()).render())

    async def race(body: bytes) -> int:
        try:
            await scene.running.peering.witnessing.add_checkpoint(body)
        except WitnessedElsewhere:
            return 0
        return AddCheckpoint.parse(body).checkpoint.size

    cosigned = [size for size in await asyncio.gather(*map(race, requests)) if size]
    assert len(cosigned) == 1
    assert scene.home.rows("SELECT size FROM peer_head") == [(cosigned[0],)]


async def test_a_cosigned_head_is_on_disk_before_it_is_answered(scene: Scene) -> None:
    note = grown(scene)
    lines = await add(scene, 0, note)
    ((kept, size),) = scene.home.rows("SELECT cosignatures, size FROM peer_head")
    assert (kept, size) == (lines, 4)


async def test_a_witness_that_cannot_write_cosigns_nothing(scene: Scene) -> None:
    database = scene.running.opened.ledger._database

    async def refuse(_work: object) -> None:
        raise Refusal(Code.STALE, "the disk is full")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "write", refuse)
        body = AddCheckpoint(0, b"", grown(scene)).render()
        assert (await turned_away(scene, body)).code is Code.STALE
    assert scene.home.rows("SELECT * FROM peer_head") == []


async def test_a_node_without_witness_keys_cosigns_nothing(tmp_path: Path) -> None:
    async with neighbours(tmp_path, ("XA", "XB")) as two:
        await two.stop("XB")
        for path in (two.homes["XB"].data / "keys").glob("witness-*"):
            path.unlink()
        await two.start("XB")
        await two.grow("XA")
        await two.collect("XA")
        assert await two.running["XA"].opened.ledger.heads.cosigned_size(1) == 0
        await two.follow("XB")
        assert await two.running["XB"].opened.ledger.heads.cosigned(origin("XA")) is not None


# --- the other calls -----------------------------------------------------------------------


async def test_tells_the_largest_head_seen_of_a_journal(scene: Scene) -> None:
    async def seen(name: str) -> bytes:
        reply = await scene.xb.stub.Witnessed(WitnessedRequest(origin=name), timeout=10)
        return bytes(reply.checkpoint)

    assert await seen(origin("XB")) == b""
    first = grown(scene)
    await add(scene, 0, first)
    assert await seen(origin("XB")) == first
    await scene.ask()
    assert head_of(await seen(origin("XB"))).size == scene.log.size
    assert await seen("nobody.example/journal") == b""


async def test_proves_several_sizes_at_once_and_no_more_than_512(scene: Scene) -> None:
    size = (await scene.running.opened.ledger.heights())[0]
    request = ConsistencyRequest(first=1, second=size, further=[1, size])
    reply = await scene.xb.stub.Consistency(request, timeout=10)
    assert list(reply.further) == [reply.path, b""]
    request = ConsistencyRequest(first=1, second=size, further=[1] * 513)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await scene.xb.stub.Consistency(request, timeout=10)
    assert Rejected(caught.value).code is Code.MALFORMED


async def test_proves_inclusion_under_a_cosigned_head_once_there_is_one(
    three: Neighbours,
) -> None:
    home, running = three.homes["XA"], three.running["XA"]
    key_pem, certificate_pem = three.homes["XB"].key_pem, three.homes["XB"].certificate_pem
    async with dialled(home, running.grpc_port, key_pem, certificate_pem) as dial:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await dial.stub.Inclusion(InclusionRequest(index=0), timeout=10)
        assert Rejected(caught.value).code is Code.UNKNOWN
        head = await three.grow("XA")
        await three.collect("XA")
        reply = await dial.stub.Inclusion(InclusionRequest(index=1), timeout=10)
        assert head_of(reply.checkpoint) == head
        for index in (head.size, 2**62 + 1, 2**63):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await dial.stub.Inclusion(InclusionRequest(index=index), timeout=10)
            assert Rejected(caught.value).code in {Code.UNKNOWN, Code.MALFORMED}


async def test_the_witness_door_is_closed_to_whoever_is_on_no_list(scene: Scene) -> None:
    async with dialled_as("XD", scene.home, scene.running.grpc_port) as stranger:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stranger.stub.Witness(WitnessRequest(add_checkpoint=b""), timeout=10)
        assert Rejected(caught.value).status == "UNAVAILABLE"
