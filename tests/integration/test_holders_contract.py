"""What is known about holders, on SQLite and on PostgreSQL; and what costs a question nothing."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from node.errors import Code, Refusal
from node.flows.holder_ports import AccessWindow, Held
from node.model.holder_bodies import Complaint, ContestRaised, Watcher, WatchGiven
from node.model.share_code import make
from node.model.statement import (
    ConsentEnd,
    ConsentEnded,
    CredentialRegistered,
    Outcome,
    WatchEnded,
)
from tests.federation import DAY_US, SECOND_US, START
from tests.ledgers import CODE, Deciding, DiskShelf, SqlShelf, Xb, draft, given, read, registry
from tests.nodes import selector
from tests.postgres import Postgres
from tests.world import sample_credential

NUMBER = sample_credential().number
OTHERS = make("XA", bytes(range(5, 15)))
WATCH = WatchGiven(bytes(16), NUMBER, Watcher("XB", "Werft Nord", "HRB-1"), START + DAY_US)


@pytest.fixture(params=["sqlite", "postgres"])
async def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqlShelf]:
    if request.param == "sqlite":
        made: SqlShelf = DiskShelf(tmp_path / "node.db")
    else:
        server: Postgres = request.getfixturevalue("postgres")
        made = SqlShelf(server.make_database())
    await made.open()
    yield made
    await made.close()


async def test_the_same_holder_is_found_whatever_the_capitals(shelf: SqlShelf) -> None:
    mine = sample_credential()
    others = [
        replace(mine, number="XA-2", holder_name=mine.holder_name.upper()),
        replace(mine, number="XA-3", holder_name="Somebody Else"),
        replace(mine, number="XA-4", birth_date=mine.birth_date.replace(day=1)),
    ]
    await shelf.ledger.append([draft(CredentialRegistered(one)) for one in (mine, *others)])
    assert await shelf.sql.holders.numbers_of_holder(NUMBER) == ["XA-2", NUMBER]
    assert await shelf.sql.holders.numbers_of_holder("XA-9") == []


async def test_accesses_are_those_of_the_credential_the_newest_first(shelf: SqlShelf) -> None:
    other = replace(sample_credential(), number="XA-2")
    await shelf.ledger.append(
        [
            *registry(uses=9),
            draft(CredentialRegistered(other)),
            draft(given(OTHERS, uses=9, credential="XA-2")),
        ]
    )
    xb, judge = Xb(), Deciding()
    await shelf.ledger.answer(xb.questions(2), judge)
    await shelf.ledger.answer(xb.questions(1, selector=selector(OTHERS)), judge)
    await shelf.ledger.answer(xb.questions(1), judge)
    found, more = await shelf.sql.holders.accesses([NUMBER], AccessWindow(2))
    assert [one.index for one in found] == [7, 5]
    assert more
    rest, more = await shelf.sql.holders.accesses([NUMBER], AccessWindow(2, before=5))
    assert ([one.index for one in rest], more) == ([4], False)
    both, _ = await shelf.sql.holders.accesses([NUMBER, "XA-2"], AccessWindow(9))
    assert [(one.index, one.credential) for one in both] == [
        (7, NUMBER),
        (6, "XA-2"),
        (5, NUMBER),
        (4, NUMBER),
    ]


async def test_what_readers_follow_at_once_is_noted_once(shelf: SqlShelf) -> None:
    await shelf.ledger.append(registry(uses=9))
    await shelf.ledger.answer(Xb().questions(3), Deciding())
    window = AccessWindow(9)
    seen = await asyncio.gather(
        *(shelf.sql.holders.accesses([NUMBER], window) for _ in range(5)),
        shelf.sql.holders.follow(),
    )
    assert {len(one[0]) for one in seen if one is not None} == {3}


async def test_one_use_of_a_code_is_spent_once_however_many_ask_at_once(shelf: SqlShelf) -> None:
    await shelf.ledger.append(registry(uses=1))
    xb, judge = Xb(), Deciding()
    parcels = [xb.questions(4) for _ in range(10)]
    replies = await asyncio.gather(*(shelf.ledger.answer(one, judge) for one in parcels))
    outcomes = [read(reply).outcome for some in replies for reply in some]
    assert outcomes.count(Outcome.CONFIRMED) == 1
    assert outcomes.count(Outcome.NOT_CONFIRMED) == 39
    consent = await shelf.ledger.consent(CODE.digest)
    assert consent is not None
    assert consent.uses_spent == 1
    found, _ = await shelf.sql.holders.accesses([NUMBER], AccessWindow(99))
    assert len(found) == 40


async def test_a_code_that_ends_while_many_ask_opens_nothing_from_its_end_on(
    shelf: SqlShelf,
) -> None:
    await shelf.ledger.append(registry(uses=99))
    xb, judge = Xb(), Deciding()
    parcels = [xb.questions(2) for _ in range(6)]
    end = draft(ConsentEnded(CODE.digest, ConsentEnd.REVOKED))
    asked = [shelf.ledger.answer(one, judge) for one in parcels[:3]]
    ended = shelf.ledger.append([end])
    replies = await asyncio.gather(
        *asked, *(shelf.ledger.answer(one, judge) for one in parcels[3:])
    )
    (recorded,) = await ended
    for reply in (one for some in replies for one in some):
        answer = read(reply)
        opened = answer.outcome is Outcome.CONFIRMED
        assert opened == (answer.registry_position < recorded.index)


async def test_a_watch_is_kept_ended_once_and_found_when_it_ran_out(shelf: SqlShelf) -> None:
    await shelf.ledger.append([*registry(), draft(WATCH)])
    (watch,) = await shelf.sql.holders.watches([NUMBER])
    assert (watch.given, watch.ended) == (WATCH, False)
    holders = shelf.sql.holders
    assert await holders.lapsed_watches(START + DAY_US - 1, 9) == []
    assert await holders.lapsed_watches(START + DAY_US, 9) == [WATCH.watch]
    end = draft(WatchEnded(WATCH.watch, ConsentEnd.EXPIRED))
    await shelf.ledger.append([end])
    assert await holders.lapsed_watches(START + DAY_US, 9) == []
    with pytest.raises(Refusal) as refused:
        await shelf.ledger.append([end])
    assert refused.value.code is Code.CONFLICT
    assert [one.ended for one in await holders.watches([NUMBER])] == [True]


async def test_what_an_entry_is_about_is_known(shelf: SqlShelf) -> None:
    await shelf.ledger.append([*registry(uses=9), draft(WATCH)])
    await shelf.ledger.answer(Xb().questions(1), Deciding())
    contest = ContestRaised(NUMBER, 3, Complaint.UNEXPECTED_ACCESS, "Who is that?")
    await shelf.ledger.append([draft(contest, START + SECOND_US)])
    holders = shelf.sql.holders
    assert [await holders.is_about(position, [NUMBER]) for position in range(6)] == [
        *(True, True, True, True),
        *(False, False),
    ]
    assert not await holders.is_about(0, ["XA-9"])
    (found,) = await holders.contests([NUMBER])
    assert (found.index, found.entry, found.text) == (4, 3, "Who is that?")
    assert await holders.contests(["XA-9"]) == []
    assert await holders.contests(None) == [found]


async def test_tokens_are_known_by_digest_until_they_end(shelf: SqlShelf) -> None:
    holders = shelf.sql.holders
    held = Held("a1", ("XA-2", NUMBER), START, START + 10)
    await holders.keep_token(b"1" * 32, held)
    assert await holders.token(b"1" * 32, START + 9) == held
    assert await holders.token(b"1" * 32, START + 10) is None
    assert await holders.token(b"2" * 32, START) is None
    assert await holders.revoke_token("a1", START + 5)
    assert not await holders.revoke_token("a1", START + 6)
    assert await holders.token(b"1" * 32, START + 6) is None
    await holders.keep_token(b"3" * 32, Held("a3", (NUMBER,), START + 10, START + 20))
    assert [one.id for one in await holders.tokens()] == ["a3"]
