"""Each step of an erasure goes wrong once, in every way: all of it is gone then, or nothing is.

What was begun is finished by the next start, whatever was cut short.
"""

import asyncio
import shutil
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from node.errors import Refusal
from node.flows.erase import Erasing
from node.model.statement import CredentialRegistered
from tests.erasing import OFFICER, RULE, files_with
from tests.federation import FixedTrust
from tests.ledgers import CODE, TRUST, Deciding, DiskShelf, Xb, draft, registry
from tests.stepping import KILLED, How, Steps, copying_at_once, in_a_copy, stepping
from tests.world import FakeClock, sample_credential

NUMBER = sample_credential().number
TRACES = [NUMBER.encode(), sample_credential().holder_name.encode(), CODE.digest]


async def _made(path: Path) -> None:
    shelf = DiskShelf(path)
    await shelf.open()
    await shelf.ledger.append(registry(uses=5))
    await shelf.ledger.answer(Xb().questions(2), Deciding())
    other = sample_credential("XA-2020-000009", holder_name="Somebody Else")
    await shelf.ledger.append([draft(CredentialRegistered(other))])
    await shelf.close()


async def _erase(path: Path, steps: Steps) -> None:
    with stepping(steps):
        shelf = DiskShelf(path)
        await shelf.open()
        copying_at_once(shelf._database, copied=False)
        erasing = Erasing(shelf.sql.erasures, FixedTrust(TRUST), "XA", FakeClock())
        steps.begin()
        with suppress(Refusal):
            await erasing.erase_record([NUMBER], RULE, OFFICER)
        steps.end()
        await shelf.close()


async def _is_all_or_nothing(path: Path) -> bool:
    """Start again, and return whether the record is gone."""
    shelf = DiskShelf(path, seed=2)
    await shelf.open()
    assert await shelf.sql.erasures.wipe()
    size = await shelf.ledger.check()
    gone = await shelf.ledger.credential(NUMBER) is None
    assert (await shelf.ledger.consent(CODE.digest) is None) is gone
    assert len(await shelf.sql.erasures.open_requests()) == int(gone)
    assert size == (9 if gone else 5)
    assert await shelf.ledger.credential("XA-2020-000009") is not None
    await shelf.close()
    assert bool(files_with(path.parent, TRACES)) is not gone
    return gone


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    place = tmp_path / "made"
    place.mkdir()
    asyncio.run(_made(place / "node.db"))
    return place / "node.db"


def _copied(journal: Path, tmp_path: Path, name: str) -> Path:
    place = tmp_path / name
    place.mkdir()
    return Path(shutil.copyfile(journal, place / "node.db"))


def _steps(journal: Path, tmp_path: Path) -> list[str]:
    steps = Steps()
    asyncio.run(_erase(_copied(journal, tmp_path, "counted"), steps))
    names = set(steps.names)
    assert {"BEGIN IMMEDIATE", "INSERT INTO entry", "UPDATE entry SET", "COMMIT"} <= names
    assert {"DELETE FROM credential", "PRAGMA wal_checkpoint(TRUNCATE)"} <= names
    return steps.names


@pytest.mark.parametrize("how", [How.FAILED, How.PERSISTED], ids=["failed", "persisted"])
def test_a_step_that_fails_leaves_all_or_nothing(journal: Path, tmp_path: Path, how: How) -> None:
    found = set()
    for number in range(len(_steps(journal, tmp_path))):
        path = _copied(journal, tmp_path, str(number))
        asyncio.run(_erase(path, Steps(number, how)))
        found.add(asyncio.run(_is_all_or_nothing(path)))
    assert found == {True, False}


def _run_erasing(path: Path, steps: Steps) -> None:
    asyncio.run(_erase(path, steps))


@pytest.mark.parametrize("how", [How.KILLED_BEFORE, How.KILLED_AFTER], ids=["before", "after"])
def test_a_process_killed_at_a_step_leaves_all_or_nothing(
    journal: Path, tmp_path: Path, how: How
) -> None:
    names = _steps(journal, tmp_path)
    committed = False
    for number, name in enumerate(names):
        path = _copied(journal, tmp_path, str(number))
        assert in_a_copy(partial(_run_erasing, path, Steps(number, how))) == KILLED
        writes = "INSERT INTO entry" in names[:number]
        committed = committed or (name == "COMMIT" and writes and how is How.KILLED_AFTER)
        assert asyncio.run(_is_all_or_nothing(path)) is committed, (number, name)
        committed = committed or (name == "COMMIT" and writes)
    assert committed
