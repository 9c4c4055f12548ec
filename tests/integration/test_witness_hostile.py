"""Peers that answer their witness as they please: it finds out, or raises an alarm."""

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import grpc
import pytest

from node.errors import Code, Refusal
from node.flows.witness import Contradiction, Witnessing
from node.model.cosignature import AddCheckpoint
from node.model.fork import Fork, require_contradiction
from node.model.note import split_note
from node.wire.parcel import encode_parcel
from node.wire.stubs import (
    ConsistencyRequest,
    HeadRequest,
    InclusionRequest,
    WitnessedRequest,
    WitnessRequest,
)
from tests.federation import origin
from tests.nodes import Log, Rejected, dialled_as
from tests.scenes import Scene, staged


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """XA runs; XB is played by the test, which answers for it as well."""
    async with staged(tmp_path) as scene:
        yield scene


def witnessing(scene: Scene) -> Witnessing:
    return scene.running.peering.witnessing


class Answering:
    """XB's answers about one journal; what a test changes of them is up to it."""

    def __init__(self, scene: Scene, log: Log) -> None:
        self.scene = scene
        self.log = log
        self.asked = 0
        vars(witnessing(scene))["_peers"] = self

    async def head(self, _node: str) -> bytes:
        return self.log.note()

    async def consistency(
        self, _node: str, first: int, second: int, further: Sequence[int] = ()
    ) -> tuple[bytes, Sequence[bytes]]:
        assert second == self.log.size
        self.asked += 1
        return self.path(first), [self.path(one) for one in further]

    def path(self, first: int) -> bytes:
        return self.log._tree.consistency(first)

    async def follow(self) -> None:
        view = self.scene.running.opened.trust.view()
        await witnessing(self.scene).follow_peer(view.node("XB"))


class LeavingOut(Answering):
    """Proves no more than it has to."""

    async def consistency(self, *arguments: Any) -> tuple[bytes, Sequence[bytes]]:
        first, _ = await super().consistency(*arguments)
        return first, ()


class Overtaking(Answering):
    """Shows a larger head each time, and has one still larger cosigned when asked about it."""

    async def head(self, _node: str) -> bytes:
        self.log.seal(b"one more")
        return self.log.note()

    async def consistency(self, *arguments: Any) -> tuple[bytes, Sequence[bytes]]:
        found = await super().consistency(*arguments)
        self.log.seal(b"one more")
        old = await self.cosigned()
        request = AddCheckpoint(old, self.path(old) if old else b"", self.log.note())
        await witnessing(self.scene).add_checkpoint(request.render())
        return found

    async def cosigned(self) -> int:
        seen = await self.scene.running.opened.ledger.heads.cosigned(origin("XB"))
        return 0 if seen is None else seen.seen.size


def twin(scene: Scene, size: int) -> Log:
    """Return another journal of XB's."""
    log = Log("XB", clock=scene.federation.clock, seed=2)
    log.seal(*[b"another"] * size)
    return log


def unproved(scene: Scene) -> list[int]:
    rows = scene.home.rows("SELECT size FROM peer_checkpoint WHERE proved = 0 ORDER BY size")
    return [size for (size,) in rows]


async def test_leaving_out_proofs_hides_no_fork(scene: Scene) -> None:
    other = LeavingOut(scene, twin(scene, 3))
    await other.follow()  # cosigned, before any statement
    await scene.ask()
    other.log.seal(*[b"another"] * 6)
    with pytest.raises(Contradiction):
        await other.follow()
    ((content,),) = scene.home.rows("SELECT content FROM evidence WHERE kind = 'fork'")
    fork = Fork.parse(content)
    require_contradiction(*fork.heads(), fork.path)


async def test_a_fork_below_heads_that_were_thinned_out_is_found(scene: Scene) -> None:
    other = Answering(scene, twin(scene, 1))
    for _ in range(8):
        await other.follow()
        other.log.seal(b"another")
    scene.federation.clock.advance(3600)
    scene.federation.publish()
    await other.follow()
    assert scene.home.rows("SELECT size FROM peer_checkpoint ORDER BY size") == [(8,), (9,)]
    await scene.ask()
    assert unproved(scene) == [scene.log.size]
    other.log.seal(b"another")
    with pytest.raises(Contradiction):
        await other.follow()
    ((content,),) = scene.home.rows("SELECT content FROM evidence WHERE kind = 'fork'")
    fork = Fork.parse(content)
    require_contradiction(*fork.heads(), fork.path)
    assert fork.heads()[0].size == scene.log.size < 8


async def test_whoever_leaves_out_proofs_is_asked_one_by_one_and_told_of(scene: Scene) -> None:
    peer = LeavingOut(scene, scene.log)
    scene.log.seal(b"first")
    await peer.follow()
    for _ in range(3):
        await scene.ask()
    scene.log.seal(b"last")
    await peer.follow()
    assert len(unproved(scene)) == 2
    assert "leaves out the proofs of 2" in witnessing(scene).unproved["XB"]
    await peer.follow()
    await peer.follow()
    assert unproved(scene) == []
    assert witnessing(scene).unproved == {}


async def test_overtaking_its_own_head_spares_nobody_the_proof(scene: Scene) -> None:
    peer = Overtaking(scene, scene.log)
    await scene.ask()
    await peer.follow()
    assert "another head passes each" in witnessing(scene).unproved["XB"]
    assert unproved(scene) == [4]
    honest = Answering(scene, scene.log)
    await honest.follow()
    assert unproved(scene) == []
    assert witnessing(scene).unproved == {}


async def test_a_head_that_was_cosigned_meanwhile_is_gone_on_from(scene: Scene) -> None:
    class Once(Overtaking):
        async def consistency(self, *arguments: Any) -> tuple[bytes, Sequence[bytes]]:
            kind = Answering if self.asked else Overtaking
            return await kind.consistency(self, *arguments)

    peer = Once(scene, scene.log)
    await scene.ask()
    await peer.follow()
    assert unproved(scene) == []
    assert witnessing(scene).unproved == {}


async def test_no_round_follows_one_that_proved_little(scene: Scene) -> None:
    class Wrong(Answering):
        def path(self, first: int) -> bytes:
            return bytes(len(super().path(first)))

    peer = Wrong(scene, scene.log)
    await scene.ask()
    scene.log.seal(b"last")
    await peer.follow()
    assert peer.asked <= 2
    assert "has not proved that size 5 extends size 4" in witnessing(scene).unproved["XB"]


@pytest.mark.parametrize(
    "garbage", [b"", b"\xff" * 70_000, b"\xe2\x80\x94 x y\n", b"a\n\n" + b"\n" * 100]
)
async def test_garbage_instead_of_a_head_is_refused_and_changes_nothing(
    scene: Scene, garbage: bytes
) -> None:
    class Babbling(Answering):
        async def head(self, _node: str) -> bytes:
            return garbage

    peer = Babbling(scene, scene.log)
    with pytest.raises(Refusal) as caught:
        await peer.follow()
    assert caught.value.code in {Code.MALFORMED, Code.UNAUTHENTICATED}
    assert scene.home.rows("SELECT * FROM peer_head") == []


async def test_of_a_head_only_its_owners_lines_are_kept_each_once(scene: Scene) -> None:
    scene.log.seal(b"statement")
    note = scene.log.note()
    unsigned = split_note(note)[0] + b"\n"
    stranger = Log("XD").note()
    strangers_lines = stranger.removeprefix(split_note(stranger)[0] + b"\n")
    padded = note + strangers_lines * 3 + note.removeprefix(unsigned) * 5
    await witnessing(scene).add_checkpoint(AddCheckpoint(0, b"", padded).render())
    assert scene.home.rows("SELECT note FROM peer_head") == [(note,)]
    assert scene.home.rows("SELECT note FROM peer_checkpoint") == [(note,)]


async def test_an_alarm_about_a_node_that_left_the_list_ends(scene: Scene) -> None:
    peer = Answering(scene, scene.log)
    for told in (witnessing(scene).behind, witnessing(scene).unproved):
        told |= {"XB": "it has not proved", "XZ": "it is gone"}
    vars(witnessing(scene))["_peers"] = peer
    scene.log.seal(b"statement")
    await witnessing(scene).follow()
    assert "XZ" not in {*witnessing(scene).behind, *witnessing(scene).unproved}


# --- floods --------------------------------------------------------------------------------


async def test_a_peer_that_floods_a_witness_has_to_wait_and_others_do_not(scene: Scene) -> None:
    proofs = ConsistencyRequest(first=1, second=2, further=[1] * 512)
    async with dialled_as("XC", scene.home, scene.running.grpc_port) as xc:
        for flood in (
            lambda: xc.stub.Witness(WitnessRequest(add_checkpoint=b"garbage"), timeout=10),
            lambda: xc.stub.Consistency(proofs, timeout=10),
        ):
            refused = [await _refused(flood) for _ in range(250)]
            assert refused[-1] is Code.BUSY
    scene.log.seal(b"statement")
    body = AddCheckpoint(0, b"", scene.log.note()).render()
    reply = await scene.xb.stub.Witness(WitnessRequest(add_checkpoint=body), timeout=10)
    assert reply.cosignatures


async def test_a_peer_that_floods_what_is_cheap_has_to_wait_too(scene: Scene) -> None:
    parcel = encode_parcel([scene.seal()] * 512)
    async with dialled_as("XC", scene.home, scene.running.grpc_port) as xc:
        refused = [await _refused(lambda: xc.stub.Erase(parcel, timeout=10)) for _ in range(4)]
        assert refused == [None, None, Code.BUSY, Code.BUSY]
        for flood in (
            lambda: xc.stub.Head(HeadRequest(), timeout=10),
            lambda: xc.stub.Witnessed(WitnessedRequest(origin=origin("XA")), timeout=10),
            lambda: xc.stub.Inclusion(InclusionRequest(index=0), timeout=10),
        ):
            assert Code.BUSY in [await _refused(flood) for _ in range(4)]
    assert (await scene.xb.stub.Head(HeadRequest(), timeout=10)).checkpoint


async def _refused(call: Callable[[], Any]) -> Code | None:
    try:
        await call()
    except grpc.aio.AioRpcError as error:
        return Rejected(error).code
    return None
