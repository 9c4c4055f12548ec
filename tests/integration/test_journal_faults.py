"""Every step of an append fails once: the journal goes on as one tree, whatever was on the disk.

A step is a statement of the transaction or its commit. It fails undone, or done, as when the word
that it was done is lost; then the next append goes on from what is on the disk.
"""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from node.errors import Refusal
from node.model.merkle import verify_consistency
from node.store.journal import stored_tree
from tests.federation import START
from tests.ledgers import TRUST, Deciding, DiskShelf, Xb, asked, holds, read, registry
from tests.stepping import How, Steps, stepping
from tests.tiles import TiledJournal, journal_of, walk

SIZES = (1, 255, 256, 300, 511)  # before and on both sides of where tiles end
fails = pytest.mark.parametrize("how", [How.FAILED, How.PERSISTED], ids=["failed", "persisted"])


@pytest.fixture
def counted() -> Iterator[Steps]:
    """Let every database that is opened be counted."""
    steps = Steps()
    with stepping(steps):
        yield steps


def _signed(journal: TiledJournal) -> tuple[int, bytes]:
    with journal.tiles.snapshot() as public:
        return public.checkpoint.size, public.checkpoint.root


@fails
@pytest.mark.parametrize("before", SIZES)
def test_an_append_that_fails_at_any_step_leaves_one_tree(
    before: int, how: How, tmp_path: Path
) -> None:
    steps = Steps()
    with stepping(steps), journal_of(tmp_path / "node.db", before) as journal:
        sizes = [before]
        for step in count():
            older = _signed(journal)
            with steps.going_wrong(step, how):
                refusal = _refusal_of(lambda: journal.extend(2))
            if refusal is None:  # that was more steps than an append has
                assert step == len(steps.names) > 5
                break
            assert "disk I/O error" in refusal.reason
            size, _ = _signed(journal)
            assert size in {older[0], older[0] + 2}
            with journal_of(tmp_path / "node.db", 1, seed=step) as reloaded:  # as after a restart
                newer = _signed(reloaded)
                with reloaded.tiles.snapshot() as public:
                    assert public.root(older[0]) == older[1]
            sizes.append(newer[0])
        assert sizes == sorted(set(sizes))
        journal.export(tmp_path / "tiles")
        assert walk(tmp_path / "tiles").size == sizes[-1] + 2


def _refusal_of(work: Callable[[], None]) -> Refusal | None:
    try:
        work()
    except Refusal as refusal:
        return refusal
    return None


@fails
async def test_a_ledger_that_fails_at_any_step_answers_once_and_stays_whole(
    how: How, tmp_path: Path, counted: Steps
) -> None:
    shelf = DiskShelf(tmp_path / "node.db")
    await shelf.open()
    await shelf.ledger.append(registry(uses=1_000))
    xb = Xb()
    (first,) = xb.questions()
    with counted.going_wrong():
        await shelf.ledger.answer([first], Deciding())
    steps = len(counted.names)
    heads = [await shelf.sql.checkpoint()]
    for step in range(steps):
        (question,) = xb.questions()
        with (
            counted.going_wrong(step, how),
            pytest.raises(Refusal, match="disk I/O error"),
        ):
            await shelf.ledger.answer([question], Deciding())
        await shelf.reopen()
        (reply,) = await shelf.ledger.answer([question], Deciding())
        (again,) = await shelf.ledger.answer([question], Deciding())
        assert reply == again
        assert read(reply).registry_position == holds_at(reply)
        await shelf.ledger.append([asked(step)])
        heads.append(await shelf.sql.checkpoint())
    size = await shelf.ledger.check()
    assert size == 3 + 2 * steps  # registry, first answer; then an answer and a query each
    node = TRUST.view.node("XA")
    opened = [TRUST.view.open_checkpoint(node, note, START).checkpoint for note in heads]
    for older in opened:
        path = await shelf._database.read(_consistency(older.size, size))
        verify_consistency(older.size, size, path, older.root, opened[-1].root)
    await shelf.close()


def _consistency(first: int, second: int) -> Callable[[Connection], bytes]:
    return lambda connection: stored_tree(connection, second).consistency(first, second)


def holds_at(reply: Any) -> int:
    holds(reply)
    position: int = reply.index
    return position
