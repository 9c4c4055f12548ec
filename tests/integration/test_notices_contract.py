"""Notices on disk: said from what the registry holds, taken once; on every database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from node.flows.notice_ports import Follower
from node.flows.ports import Counterpart, Draft
from node.model.credential import Status
from node.model.holder_bodies import Watcher, WatchGiven
from node.model.notice import WatchFacts, notice_due
from node.model.notice_bodies import NoticeTaken, StatusNotice
from node.model.seal import Sealed, commitment
from node.model.statement import ConsentEnd, Outcome, StatusChanged, WatchEnded
from node.store.ledger import SqlLedger
from node.wire.codec import decode_statement
from tests.federation import DAY_US, START
from tests.ledgers import DiskShelf, Shelf, SqlShelf, draft, registry
from tests.postgres import Postgres
from tests.world import sample_credential

NUMBER = sample_credential().number
WATCHES = [bytes([n]) * 16 for n in range(3)]
WATCHER = Watcher("XB", "Harbour Steel", "XB-HRB-7")
FOLLOWER = Follower("ab" * 12, "key-1", WATCHER.register_id, "XB", WATCHES[0], START)


@pytest.fixture(params=["sqlite", "postgres"])
async def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqlLedger]:
    made: Shelf
    if request.param == "sqlite":
        made = DiskShelf(tmp_path / "node.db")
    else:
        server: Postgres = request.getfixturevalue("postgres")
        made = SqlShelf(server.make_database())
    await made.open()
    assert isinstance(made.ledger, SqlLedger)
    await made.ledger.append(registry())
    given = [WatchGiven(one, NUMBER, WATCHER, START + DAY_US) for one in WATCHES]
    await made.ledger.append(list(map(draft, given)))
    yield made.ledger
    await made.close()


def say(facts: WatchFacts, now: int) -> Draft | None:
    notice = notice_due(facts, None, now)
    return None if notice is None else draft(notice)


async def told(ledger: SqlLedger, since: int = 0, now: int = START) -> list[Outcome]:
    """Say what is to be said of whatever was stirred since a position; returns the outcomes."""
    before = await ledger.notices.size()
    await ledger.notices.tell(await ledger.notices.stirred(since, now), say, now)
    found = await ledger.notices.notices("XB", before, now, 100)
    return [notice_in(sealed).outcome for sealed in found]


def notice_in(sealed: Sealed) -> StatusNotice:
    body = decode_statement(sealed.statement).body
    assert isinstance(body, StatusNotice)
    return body


async def test_only_what_changed_since_is_looked_at_and_only_what_differs_is_said(
    ledger: SqlLedger,
) -> None:
    assert await told(ledger) == [Outcome.CONFIRMED] * 3
    assert await told(ledger) == []
    size = await ledger.notices.size()
    assert await ledger.notices.stirred(size, START) == []
    await ledger.append([draft(StatusChanged(NUMBER, Status.REVOKED, "court order"))])
    assert await told(ledger, size) == [Outcome.REVOKED] * 3


async def test_what_was_said_is_withheld_once_the_consent_ended(ledger: SqlLedger) -> None:
    await told(ledger)
    await ledger.append([draft(WatchEnded(WATCHES[1], ConsentEnd.REVOKED))])
    found = await ledger.notices.notices("XB", 0, START, 100)
    assert [notice_in(sealed).watch for sealed in found] == [WATCHES[0], WATCHES[2]]
    assert await ledger.notices.notices("XB", 0, START + DAY_US, 100) == []
    assert await ledger.notices.notices("XC", 0, START, 100) == []
    assert len(await ledger.notices.notices("XB", found[0].index + 1, START, 100)) == 1


async def test_a_notice_is_taken_once_and_shown_to_whom_it_names(ledger: SqlLedger) -> None:
    await told(ledger)
    drafts = [taken(sealed) for sealed in await ledger.notices.notices("XB", 0, START, 100)]
    await ledger.notices.add(FOLLOWER)
    await ledger.notices.add(replace(FOLLOWER, id="cd" * 12, register_id="XB-HRB-99"))
    assert len(await ledger.notices.take([*drafts, drafts[0]])) == 3
    assert await ledger.notices.take(drafts) == []
    last = drafts[-1].counterpart
    assert last is not None
    assert await ledger.notices.taken_until("xb.example/journal") == last.sealed.index + 1
    mine, theirs = await ledger.notices.followers("key-1")
    assert [one.outcome for one in await ledger.notices.heard(mine, -1, 100)] == ["confirmed"]
    assert await ledger.notices.heard(theirs, -1, 100) == []
    assert await ledger.notices.followed_peers() == ["XB"]
    await ledger.notices.remove(mine.id)
    assert await ledger.notices.followers() == [theirs]


async def test_a_post_is_due_until_it_was_made_or_given_up(ledger: SqlLedger) -> None:
    await told(ledger)
    await ledger.notices.take(
        [taken(sealed) for sealed in await ledger.notices.notices("XB", 0, START, 100)]
    )
    follower = replace(FOLLOWER, url="https://example.org/", secret="s")
    await ledger.notices.add(follower)
    ((due, notice),) = await ledger.notices.due(START, 10)
    assert due == follower
    for later in (
        replace(follower, tries=1, next_at=START + 1),
        replace(follower, dead=True),
        replace(follower, told=notice.position),
    ):
        await ledger.notices.posted(later)
        assert await ledger.notices.followers() == [later]
        assert await ledger.notices.due(START, 10) == []


def taken(sealed: Sealed) -> Draft:
    notice = notice_in(sealed)
    stands_for = commitment(sealed.statement, sealed.salt)
    body = NoticeTaken(stands_for, notice.watch, notice.register_id, notice.outcome)
    counterpart = Counterpart("XB", "xb.example/journal", stands_for, sealed, 10, bytes(32))
    return replace(draft(body), counterpart=counterpart)
