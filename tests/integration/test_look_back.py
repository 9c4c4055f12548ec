"""An old copy of the database is put back: nothing is signed, and everybody can tell why."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from node.errors import Code, Refusal
from node.flows.ask import Inquiry
from node.flows.ports import Employer
from node.model.credential import Field
from node.model.fork import Fork, head_of
from node.model.statement import Outcome, Purpose
from node.settings import WitnessSettings
from tests.federation import origin
from tests.neighbours import Neighbours, copy_database, neighbours, put_back
from tests.nodes import BORN, REQUESTER, Log, opened


@pytest.fixture
async def three(tmp_path: Path) -> AsyncIterator[Neighbours]:
    async with neighbours(tmp_path) as found:
        yield found


def high_water(three: Neighbours, node: str = "XA") -> Path:
    return three.homes[node].data / "journal.high-water"


def size_kept(three: Neighbours, node: str = "XA") -> int:
    return head_of(high_water(three, node).read_bytes()).size


def signed_sizes(three: Neighbours, node: str = "XA") -> list[int]:
    return [size for (size,) in three.homes[node].rows("SELECT size FROM checkpoint")]


async def refused_start(three: Neighbours, node: str = "XA") -> str:
    with pytest.raises(Refusal) as caught:
        await three.start(node)
    assert caught.value.code is Code.STALE
    return caught.value.reason


async def old_copy(three: Neighbours, tmp_path: Path, *, shown: str = "XB") -> tuple[Path, int]:
    """Copy XA's database away, go on, show a peer the newest head, and stop XA."""
    await three.stop("XA")
    copy = tmp_path / "copy.db"
    copy_database(three.homes["XA"], copy)
    await three.start("XA")
    head = await three.grow("XA", 5)
    await three.follow(shown)
    await three.stop("XA")
    return copy, head.size


async def test_a_file_outside_the_database_shows_an_old_copy_without_any_peer(
    three: Neighbours, tmp_path: Path
) -> None:
    copy, size = await old_copy(three, tmp_path)
    assert size_kept(three) == size
    for peer in ("XB", "XC"):
        await three.stop(peer)
    put_back(three.homes["XA"], copy)
    before = signed_sizes(three)
    reason = await refused_start(three)
    assert "witness.high_water holds a checkpoint" in reason
    assert f"of size {size}" in reason
    assert "Restored from an old copy" in reason
    assert signed_sizes(three) == before


async def test_peers_show_an_old_copy_where_the_whole_directory_was_restored(
    three: Neighbours, tmp_path: Path
) -> None:
    await three.stop("XA")
    whole = tmp_path / "whole"
    shutil.copytree(three.homes["XA"].data, whole)
    await three.start("XA")
    size = (await three.grow("XA", 5)).size
    await three.follow("XB")  # and XC has seen nothing
    await three.stop("XA")
    shutil.rmtree(three.homes["XA"].data)
    shutil.copytree(whole, three.homes["XA"].data)
    three.federation.publish()  # where peers are now is known; the node's own past is not
    before = signed_sizes(three)
    reason = await refused_start(three)
    assert "XB has seen a checkpoint" in reason
    assert f"of size {size}" in reason
    assert signed_sizes(three) == before
    assert size_kept(three) == size  # what XB knew is known here from now on
    for peer in ("XB", "XC"):
        await three.stop(peer)
    assert "witness.high_water holds" in await refused_start(three)
    assert signed_sizes(three) == before


async def test_a_checkpoint_that_only_came_with_a_statement_shows_it_too(
    three: Neighbours, tmp_path: Path
) -> None:
    code = await three.share("XB")
    await three.stop("XA")
    copy = tmp_path / "copy.db"
    copy_database(three.homes["XA"], copy)
    high_water(three).unlink()
    await three.start("XA")
    inquiry = Inquiry(code, BORN, Purpose.EMPLOYMENT, tuple(Field))
    told = await three.running["XA"].asking.ask(Employer("key-1", REQUESTER), inquiry)
    assert told.answer is not None
    assert told.answer.outcome is Outcome.CONFIRMED
    await three.stop("XA")
    put_back(three.homes["XA"], copy)
    high_water(three).unlink()
    assert "XB has seen a checkpoint" in await refused_start(three)


async def test_commands_beside_refuse_to_write_into_an_old_copy(
    three: Neighbours, tmp_path: Path
) -> None:
    copy, _ = await old_copy(three, tmp_path)
    put_back(three.homes["XA"], copy)
    before = signed_sizes(three)
    with pytest.raises(Refusal) as caught:
        async with opened(three.homes["XA"]):
            pass  # adopting the trust list is a statement already
    assert caught.value.code is Code.STALE
    assert signed_sizes(three) == before


async def test_the_newest_database_put_back_again_goes_on(
    three: Neighbours, tmp_path: Path
) -> None:
    copy, size = await old_copy(three, tmp_path)
    newest = tmp_path / "newest.db"
    copy_database(three.homes["XA"], newest)
    put_back(three.homes["XA"], copy)
    await refused_start(three)
    put_back(three.homes["XA"], newest)
    await three.start("XA")
    assert (await three.grow("XA")).size > size
    await three.collect("XA")
    assert await three.running["XA"].opened.ledger.heads.cosigned_size(2) > size


async def test_a_peer_that_comes_up_later_stops_a_node_that_runs_on_an_old_copy(
    three: Neighbours, tmp_path: Path
) -> None:
    copy, size = await old_copy(three, tmp_path)
    await three.stop("XB")
    put_back(three.homes["XA"], copy)
    high_water(three).unlink()
    running = await three.start("XA")  # XC answers, and has seen nothing
    await three.start("XB")
    with pytest.raises(Refusal) as caught:
        await running.look_back.ask("XB")
    assert caught.value.code is Code.STALE
    assert f"of size {size}" in caught.value.reason
    with pytest.raises(Refusal) as caught:
        await three.grow("XA")
    assert caught.value.code is Code.STALE
    assert size_kept(three) == size


async def test_without_a_peer_or_a_file_nothing_is_signed_until_a_peer_answers(
    three: Neighbours,
) -> None:
    for node in ("XA", "XB", "XC"):
        await three.stop(node)
    high_water(three).unlink()
    running = await three.start("XA")
    before = signed_sizes(three)
    with pytest.raises(Refusal) as caught:
        await three.grow("XA")
    assert caught.value.code is Code.STALE
    assert "until a peer has said" in caught.value.reason
    assert signed_sizes(three) == before
    await three.start("XB")
    await running.look_back.again()
    assert (await three.grow("XA")).size > before[-1]
    assert size_kept(three) >= before[-1]


async def test_what_was_signed_is_kept_outside_while_the_node_runs(three: Neighbours) -> None:
    head = await three.grow("XA")
    await three.running["XA"].look_back.again()
    assert size_kept(three) == head.size
    later = await three.grow("XA")
    await three.stop("XA")
    assert size_kept(three) == later.size


async def test_a_file_of_another_journal_or_of_garbage_refuses_to_start(
    three: Neighbours,
) -> None:
    await three.stop("XA")
    good = high_water(three).read_bytes()
    high_water(three).write_bytes(high_water(three, "XB").read_bytes())
    assert origin("XB") in await refused_start(three)
    high_water(three).write_bytes(b"garbage")
    assert "high_water" in await refused_start(three)
    high_water(three).write_bytes(good)
    await three.start("XA")


async def test_a_node_may_keep_no_file_and_rely_on_its_peers(
    three: Neighbours, tmp_path: Path
) -> None:
    home = three.homes["XA"]
    three.homes["XA"] = replace(
        home, settings=replace(home.settings, witness=WitnessSettings(high_water=""))
    )
    copy, size = await old_copy(three, tmp_path)
    put_back(three.homes["XA"], copy)
    assert f"XB has seen a checkpoint of this journal of size {size}" in await refused_start(three)


async def test_a_node_founded_anew_under_another_origin_is_trusted_again(
    three: Neighbours, tmp_path: Path
) -> None:
    """The way out where the newest entries are lost, even after the old journal was forked."""
    copy, _ = await old_copy(three, tmp_path)
    put_back(three.homes["XA"], copy)
    await refused_start(three)
    heads = three.running["XB"].opened.ledger.heads
    one, other = Log("XA"), Log("XA", seed=2)
    await heads.keep_fork("XA", origin("XA"), Fork(one.note(), other.note()))
    three.homes["XA"] = three.federation.add("XA", origin_name="xa.symbolon.example/second")
    await three.tell()
    await three.start("XA")
    code = await three.share("XA")
    inquiry = Inquiry(code, BORN, Purpose.EMPLOYMENT, tuple(Field))
    told = await three.running["XB"].asking.ask(Employer("key-1", REQUESTER), inquiry)
    assert told.answer is not None
    assert told.answer.outcome is Outcome.CONFIRMED
    await three.collect("XA")
    size = (await three.head("XA")).size
    assert await three.running["XA"].opened.ledger.heads.cosigned_size(2) == size
    assert three.running["XB"].opened.ledger.forked_journals() == {origin("XA")}


async def test_a_peer_cannot_make_up_a_head_of_ours(three: Neighbours) -> None:
    running = three.running["XA"]
    forged = Log("XA")
    forged.seal(*[b"never said"] * 50)

    async def lie(_node: str, _origin: str) -> bytes:
        return forged.note()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running.look_back._peers, "witnessed", lie)
        await running.look_back.ask("XB")
    assert running.look_back.found == ""
    await three.grow("XA")
