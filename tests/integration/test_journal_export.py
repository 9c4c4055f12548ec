"""What a journal on disk gives to an export: all of it, or what is granted."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.audit.examined import Aim
from node.audit.findings import Check, CheckCount, Verdict
from node.audit.inquest import inquire
from node.flows.look import Looking
from node.model.seal import commitment
from node.model.statement import AccessKind, AuditAccess, Grant
from node.store.export import between
from node.wire.codec import decode_statement
from node.wire.export import Commitments, CounterpartRecord, Entry, Header
from tests.federation import SECOND_US, START
from tests.integration.test_cosigned_receipts import ROOT, Desk, desk_at
from tests.ledgers import Deciding, DiskShelf, Xb, registry
from tests.neighbours import neighbours
from tests.world import FakeClock, FixedTrust


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[DiskShelf]:
    """XA's journal: 0 registered, 1 code given, 2 an answer to XB."""
    made = DiskShelf(tmp_path / "node.db")
    await made.open()
    await made.ledger.append(registry(uses=5))
    await made.ledger.answer(list(Xb().questions()), Deciding())
    try:
        yield made
    finally:
        await made.close()


def positions(shelf: DiskShelf, grant: Grant) -> tuple[list[int], list[int]]:
    """Return which entries are there, and which stand by their commitment only."""
    there: list[int] = []
    missing: list[int] = []
    for record in shelf.sql.records(grant, 3):
        if isinstance(record, Entry):
            there.append(record.index)
        elif isinstance(record, Commitments):
            missing += range(record.start, record.end)
    return there, missing


async def test_a_grant_gives_its_range_and_kinds_and_commitments_for_the_rest(
    shelf: DiskShelf,
) -> None:
    whole = {one.index: one for one in shelf.sql.records() if isinstance(one, Entry)}
    assert positions(shelf, Grant(0, 100)) == ([0, 1, 2], [])
    assert positions(shelf, Grant(1, 2)) == ([1], [0, 2])
    assert positions(shelf, Grant(0, 100, (11, 14))) == ([0, 2], [1])
    (withheld,) = [
        one for one in shelf.sql.records(Grant(0, 100, (11, 14)), 3) if isinstance(one, Commitments)
    ]
    assert withheld.commitments == commitment(whole[1].statement, whole[1].salt)


async def test_a_counterpart_goes_with_its_entry(shelf: DiskShelf) -> None:
    def beside(grant: Grant) -> list[int]:
        records = shelf.sql.records(grant, 3)
        return [one.index for one in records if isinstance(one, CounterpartRecord)]

    assert beside(Grant(2, 3)) == [2]
    assert beside(Grant(0, 2)) == []


async def test_who_took_what_is_in_every_pack(shelf: DiskShelf) -> None:
    looking = Looking(shelf.ledger, FixedTrust(), "XA", FakeClock())
    grant = Grant(0, 1)
    access = await looking.hand_over("role auditor", "Audit 2026", grant, (bytes(32),))
    header, *rest = shelf.sql.records(grant, access)
    assert isinstance(header, Header)
    assert (header.grant, header.access) == (grant, access)
    last = [one for one in rest if isinstance(one, Entry)][-1]
    body = decode_statement(last.statement).body
    assert isinstance(body, AuditAccess)
    assert (body.kind, body.grant, body.recipients) == (AccessKind.PACKED, grant, (bytes(32),))


async def test_times_are_found_where_the_journal_stood_then(shelf: DiskShelf) -> None:
    with shelf._database.snapshot() as connection:
        assert between(connection, None, None) == (0, 3)
        assert between(connection, START, START + 1) == (0, 2)
        assert between(connection, START + SECOND_US, None) == (2, 3)
        assert between(connection, None, START) == (0, 0)


async def test_long_runs_of_what_is_missing_are_cut(
    shelf: DiskShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.store.export.COMMITMENTS_MAX", 1)
    runs = [one for one in shelf.sql.records(Grant(5, 6), 3) if isinstance(one, Commitments)]
    assert [(one.start, one.end) for one in runs] == [(0, 1), (1, 2), (2, 3)]


async def test_an_export_carries_the_cosignatures_that_replay_checks(tmp_path: Path) -> None:
    async with neighbours(tmp_path, witnesses_required=2) as three:
        desk: Desk = await desk_at(three)
        await desk.ask()
        before = await _witnessed(desk)
        assert (before.verdict, before.passed) == (Verdict.INDETERMINATE, 0)
        await desk.collect()
        after = await _witnessed(desk)
        assert (after.verdict, after.passed) == (Verdict.PASS, 1)


async def _witnessed(desk: Desk) -> CheckCount:
    ledger = desk.three.running["XB"].opened.ledger
    await ledger.sign_head()
    report = inquire([ledger.records()], [ROOT], frozenset({Aim.REPLAY})).report
    assert report.verdict is not Verdict.FAIL
    return next(one for one in report.checks if one.check is Check.WITNESSES)
