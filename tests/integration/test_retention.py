"""Retention periods: what is older goes, in batches; what is open, or has none, stays."""

from collections.abc import AsyncIterator
from pathlib import Path
from unittest.mock import patch

import pytest
from msgspec.structs import replace

from node import settings
from node.audit.examined import Aim
from node.audit.findings import Report
from node.audit.inquest import inquire
from node.errors import Code, Refusal
from node.flows import retain
from node.flows.retain import Retaining
from node.flows.share import Sharing
from node.model.retention import retentions_of
from node.model.statement import Erasure
from node.settings import RetentionPeriod, RetentionSettings
from node.wire.codec import decode_statement
from tests.erasing import HOLDER, OFFICER, RULE, Pair, credential, paired
from tests.federation import make_root

NUMBER = "XA-2019-000001"
DAY_S = 86_400
LAW = "Archives Act 12"


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    async with paired(tmp_path) as running:
        await running.register(credential(NUMBER))
        yield running


def periods(**given: RetentionPeriod) -> RetentionSettings:
    return RetentionSettings(**given)


def retaining(pair: Pair, node: str, **given: RetentionPeriod) -> Retaining:
    opened = pair.running[node].opened
    values = {name: given.get(name) for name in RetentionSettings.__struct_fields__}
    return Retaining(
        node=node,
        authority=f"Authority of {node}",
        ledger=opened.ledger,
        erasures=opened.ledger.erasures,
        trust=opened.trust,
        clock=pair.federation.clock,
        retentions=retentions_of(values),
    )


async def replayed(pair: Pair, *aims: Aim) -> Report:
    for running in pair.running.values():
        await running.opened.ledger.sign_head()
    journals = [running.opened.ledger.records() for running in pair.running.values()]
    return inquire(journals, [make_root()], frozenset(aims or {Aim.REPLAY})).report


async def test_what_is_older_than_its_period_goes_and_nothing_else(pair: Pair) -> None:
    code = await pair.code(NUMBER)
    await pair.ask(code)
    pair.federation.clock.advance(31 * DAY_S)
    await pair.tell()
    late = await pair.code(NUMBER)
    await pair.ask(late)
    month = RetentionPeriod(LAW, days=30)
    at_xb = retaining(pair, "XB", query=month, conclusion=month)
    (first, second) = await at_xb.apply(dry_run=True)
    assert (first.statements, second.statements) == (1, 1)
    assert pair.holds("XB", code.digest)
    (first, second) = await at_xb.apply()
    assert (first.statements, second.statements) == (1, 1)
    assert [one.statements for one in await at_xb.apply()] == [0, 0]

    said = [decode_statement(one).body for _, _, one in pair.statements("XB") if one]
    assert [
        (body.kind, body.rule, body.authority) for body in said if isinstance(body, Erasure)
    ] == [
        (10, LAW, "Authority of XB"),
        (13, LAW, "Authority of XB"),
    ]
    assert not pair.holds("XB", code.digest)
    assert pair.holds("XB", late.digest)
    keys = "SELECT count(*) FROM holder_key WHERE made_for LIKE '%/10'"
    assert pair.homes["XB"].rows(keys) == [(1,)]  # not that of the day whose questions are gone
    for running in pair.running.values():
        assert await running.opened.ledger.check()


async def test_batches_take_it_all_and_no_batch_is_large(pair: Pair) -> None:
    code = await pair.code(NUMBER)
    for _ in range(7):
        await pair.ask(code)
    pair.federation.clock.advance(31 * DAY_S)
    await pair.tell()
    with patch.object(retain, "_BATCH", 3):
        (applied,) = await retaining(pair, "XA", answer=RetentionPeriod(LAW, days=30)).apply()
    assert applied.statements == 7
    sizes = [
        len(body.entries)
        for _, _, one in pair.statements("XA")
        if one and isinstance(body := decode_statement(one).body, Erasure)
    ]
    assert sizes == [3, 3, 1]
    report = await replayed(pair)
    assert report.findings == ()


async def test_what_is_open_or_about_the_journal_itself_stays(pair: Pair) -> None:
    await pair.ask(await pair.code(NUMBER))
    code = await pair.code(NUMBER)
    await pair.stop("XA")
    await pair.ask(code)
    asked = pair.statements("XB")
    pair.federation.clock.advance(40 * DAY_S)
    await pair.start("XA")
    month = RetentionPeriod(LAW, days=30)
    applied = await retaining(
        pair, "XB", query=month, conclusion=month, no_answer=month, share_code=month
    ).apply()
    assert sum(one.statements for one in applied) == 2
    assert await pair.running["XB"].opened.ledger.open_questions()
    left = {kind for _, kind, statement in pair.statements("XB") if statement is not None}
    assert left <= {10, 17, 23}
    assert [kind for _, kind, statement in asked if statement is not None][-1] == 10


async def test_a_share_code_that_still_opens_something_stays(pair: Pair) -> None:
    sharing: Sharing = pair.running["XA"].opened.sharing
    code = await pair.code(NUMBER)
    pair.federation.clock.advance(2 * DAY_S)
    period = RetentionPeriod(LAW, days=1)
    at_xa = retaining(pair, "XA", answer=period, share_code=period)
    assert [one.statements for one in await at_xa.apply()] == [0, 0]
    pair.federation.clock.advance(400 * DAY_S)
    await pair.tell()
    await sharing.end_lapsed()
    pair.federation.clock.advance(2 * DAY_S)
    assert [one.statements for one in await at_xa.apply()] == [0, 2]
    assert await pair.running["XA"].opened.ledger.consent(code.digest) is None


async def test_both_sides_replay_after_everything_that_erases(pair: Pair) -> None:
    code = await pair.code(NUMBER)
    for _ in range(3):
        await pair.ask(code)
    await pair.register(credential("XA-2020-000003", "Somebody Else"))
    other = await pair.code("XA-2020-000003")
    await pair.ask(other)
    before = await replayed(pair, Aim.REPLAY, Aim.RECONCILE)
    assert before.findings == ()
    erasing = pair.running["XA"].opened.erasure.erasing
    await erasing.erase_record([NUMBER], RULE, OFFICER)
    alone = await replayed(pair, Aim.REPLAY)
    assert alone.findings == ()
    assert await pair.send_erasures() == 1
    after = await replayed(pair, Aim.REPLAY, Aim.RECONCILE)
    assert after.findings == ()
    assert any(RULE in str(one) for one in after.notes), after
    assert HOLDER.encode() not in (pair.homes["XB"].data / "node.db").read_bytes()


# --- the settings --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ("[retention.query]\ndays = 3", "reference"),
        ('[retention.query]\nreference = "A"', "1 day to 200 years"),
        ('[retention.query]\nreference = "A"\ndays = -1', "1 day to 200 years"),
        ('[retention.query]\nreference = "A"\nyears = 201', "1 day to 200 years"),
        ('[retention.query]\nreference = ""\ndays = 1', "must say what law"),
        ('[retention.trust_adopted]\nreference = "A"\ndays = 1', "trust_adopted"),
        ('[retention.share_code]\nreference = "A"\ndays = 1', "shorter than retention.answer"),
    ],
)
def test_a_wrong_period_refuses_to_start(tmp_path: Path, section: str, told: str) -> None:
    (tmp_path / settings.FILE_NAME).write_text(
        '[node]\nid = "XA"\nauthority = "A"\norigin = "xa.example/j"\n'
        '[listen]\ngrpc = "a:1"\nhttp = "a:1"\nendpoint = "a:1"\n' + section
    )
    with pytest.raises(Refusal, match=told) as refusal:
        settings.load(tmp_path)
    assert refusal.value.code is Code.MALFORMED


def test_periods_of_the_settings_become_times() -> None:
    given = periods(
        query=RetentionPeriod("A", years=1, days=1, duty=True), answer=RetentionPeriod("B", days=2)
    )
    values = {name: getattr(given, name) for name in RetentionSettings.__struct_fields__}
    one, two = retentions_of(values)
    assert (one.kind, one.period_us, one.reference, one.duty) == (
        10,
        367 * DAY_S * 1_000_000,
        "A",
        True,
    )
    assert replace(two, period_us=0) == replace(two, period_us=0, duty=False)
