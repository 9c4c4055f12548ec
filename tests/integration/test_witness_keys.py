"""Witness keys that are renewed, between real nodes: who cosigns when, and what its peers keep."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from node import assembly
from node.model.cosignature import witness_name
from node.model.federation_files import with_history
from node.model.note import split_note
from node.model.renewal import Handover, with_next_witness_keys
from node.store.keys import add_witness_keys, read_keys
from tests.federation import SECOND_US, origin
from tests.neighbours import Neighbours, neighbours

DAY_S = 24 * 3600


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[Neighbours]:
    async with neighbours(tmp_path, ("XA", "XB")) as found:
        yield found


def renew(two: Neighbours) -> None:
    """Make XB's next witness keys: they count in a day, the old ones for two days more."""
    home, federation = two.homes["XB"], two.federation
    origin_name = home.settings.node.origin
    fresh = add_witness_keys(home.data / "keys").cosigners(origin_name, post_quantum=True)
    now = datetime.fromtimestamp(federation.clock() // SECOND_US, UTC)
    described = assembly.describe(home.settings, read_keys(home.data / "keys"))
    federation.write_node(
        with_next_witness_keys(
            with_history(described, federation.node_file("XB")),
            [str(one.verifier) for one in fresh],
            Handover(now + timedelta(days=1), now + timedelta(days=3)),
            "yearly renewal",
        )
    )


async def cosigned_by(two: Neighbours) -> list[str]:
    """Have a new head of XA's cosigned, and tell by which keys of XB's."""
    await two.grow("XA", 1)
    await two.collect("XA")
    running = two.running["XA"]
    (found, _) = await running.opened.ledger.heads.cosigned_over(0, 1)
    view = running.opened.trust.view()
    assert view.cosigners(view.node("XA"), found.note) == {"XB"}
    listed = [key.verifier.key_id for key in view.node("XB").witness_keys]
    return [
        "old" if listed.index(key_id) < 2 else "new"
        for name, key_id, _ in split_note(found.note)[1]
        if name == witness_name(origin("XB"))
    ]


async def test_old_and_new_keys_cosign_side_by_side_and_nothing_restarts(two: Neighbours) -> None:
    assert await cosigned_by(two) == ["old", "old"]
    renew(two)
    assert await cosigned_by(two) == ["old", "old"]
    await two.tell()
    assert await cosigned_by(two) == ["old", "old"]
    two.federation.clock.advance(DAY_S)
    assert await cosigned_by(two) == ["old", "old", "new", "new"]
    two.federation.clock.advance(2 * DAY_S)
    assert await cosigned_by(two) == ["new", "new"]


async def test_whoever_has_the_older_list_keeps_the_lines_that_it_knows(two: Neighbours) -> None:
    renew(two)
    two.federation.publish()
    await assembly.adopt(two.running["XB"].opened)
    two.federation.clock.advance(DAY_S)
    assert await cosigned_by(two) == ["old", "old"]
    await two.tell()
    assert await cosigned_by(two) == ["old", "old", "new", "new"]
