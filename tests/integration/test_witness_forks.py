"""Forked journals and shorter ones, as their witnesses find them out."""

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from node.errors import Code
from node.flows import look_back
from node.model.cosignature import AddCheckpoint
from node.model.fork import Fork, require_contradiction
from node.wire.stubs import (
    WitnessRequest,
)
from tests.federation import origin
from tests.neighbours import copy_database, neighbours, put_back
from tests.nodes import Log, Rejected
from tests.scenes import Scene, staged


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """XA runs; XB is played by the test."""
    async with staged(tmp_path) as scene:
        yield scene


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


def kept_fork(scene: Scene) -> Fork:
    ((peer, name, content),) = scene.home.rows(
        "SELECT peer, origin, content FROM evidence WHERE kind = 'fork'"
    )
    assert (peer, name) == ("XB", origin("XB"))
    fork = Fork.parse(content)
    require_contradiction(*fork.heads(), fork.path)
    return fork


async def test_a_head_of_the_same_size_and_another_root_is_a_fork(scene: Scene) -> None:
    await add(scene, 0, grown(scene))
    twin = Log("XB", clock=scene.federation.clock, seed=2)
    twin.seal(*[b"something else"] * 4)
    rejected = await turned_away(scene, AddCheckpoint(4, b"", twin.note()).render())
    assert rejected.code is Code.UNTRUSTED
    assert kept_fork(scene).path == b""
    assert scene.running.opened.ledger.forked_journals() == {origin("XB")}
    rejected = await turned_away(scene, AddCheckpoint(4, b"", scene.log.note()).render())
    assert rejected.code is Code.UNTRUSTED
    with pytest.raises(Rejected) as caught:
        await scene.xb.exchange(scene.seal())
    assert caught.value.code is Code.UNTRUSTED


async def test_a_head_that_contradicts_one_that_came_with_a_statement_is_a_fork(
    scene: Scene,
) -> None:
    await scene.ask()
    twin = Log("XB", clock=scene.federation.clock, seed=2)
    twin.seal(*[b"something else"] * scene.log.size)
    rejected = await turned_away(scene, AddCheckpoint(0, b"", twin.note()).render())
    assert rejected.code is Code.UNTRUSTED
    kept_fork(scene)


async def test_a_statement_under_another_head_than_the_cosigned_one_is_a_fork(
    scene: Scene,
) -> None:
    twin = Log("XB", clock=scene.federation.clock, seed=2)
    twin.seal(*[b"something else"] * 4)
    await add(scene, 0, twin.note())
    replies = await scene.xb.exchange(scene.seal())
    assert getattr(replies[0], "code", None) is Code.UNTRUSTED
    kept_fork(scene)


@pytest.mark.parametrize("common", [3, 4, 5, 8])
async def test_a_regrown_journal_is_made_to_prove_its_own_fork(tmp_path: Path, common: int) -> None:
    """XB shows a head, goes back to an earlier state, and grows past it otherwise."""
    async with neighbours(tmp_path, ("XA", "XB")) as two:
        await two.grow("XB", common)
        await two.stop("XB")
        copy_database(two.homes["XB"], tmp_path / "copy.db")
        (two.homes["XB"].data / "journal.high-water").unlink()
        await two.start("XB")
        shown = await two.grow("XB", 5)
        await two.follow("XA")
        await two.stop("XB")
        put_back(two.homes["XB"], tmp_path / "copy.db")
        (two.homes["XB"].data / "journal.high-water").unlink()
        with pytest.MonkeyPatch.context() as patch:  # XB does not look back: it is dishonest
            _blind(patch)
            running = await two.start("XB")
            while (await two.head("XB")).size < shown.size + 3:
                two.federation.clock.advance(1)
                await two.grow("XB", 1)
            await two.follow("XA")
        assert two.running["XA"].opened.ledger.forked_journals() == {origin("XB")}
        ((content,),) = two.homes["XA"].rows("SELECT content FROM evidence WHERE kind = 'fork'")
        fork = Fork.parse(content)
        require_contradiction(*fork.heads(), fork.path)
        assert fork.heads()[0] == shown
        assert fork.path
        assert running.opened.ledger.forked_journals() == frozenset()


def _blind(patch: pytest.MonkeyPatch) -> None:
    async def nothing(*_: object) -> bool:
        return True

    patch.setattr(look_back, "require_high_water", nothing)
    patch.setattr(look_back.LookBack, "ask", nothing)


async def test_a_shorter_head_is_told_as_behind_and_not_cosigned(tmp_path: Path) -> None:
    async with neighbours(tmp_path, ("XA", "XB")) as two:
        await two.stop("XB")
        copy_database(two.homes["XB"], tmp_path / "copy.db")
        (two.homes["XB"].data / "journal.high-water").unlink()
        await two.start("XB")
        shown = await two.grow("XB", 5)
        await two.follow("XA")
        await two.stop("XB")
        put_back(two.homes["XB"], tmp_path / "copy.db")
        (two.homes["XB"].data / "journal.high-water").unlink()
        with pytest.MonkeyPatch.context() as patch:
            _blind(patch)
            await two.start("XB")
            await two.follow("XA")
        witnessing = two.running["XA"].peering.witnessing
        assert list(witnessing.behind) == ["XB"]
        seen = await two.running["XA"].opened.ledger.heads.cosigned(origin("XB"))
        assert seen is not None
        assert seen.seen.size == shown.size
