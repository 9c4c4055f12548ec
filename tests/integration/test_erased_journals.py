"""Replaying and reconciling the journals of two real nodes after one of them erased a record."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.audit.examined import Aim
from node.audit.findings import Check, Report, Verdict, render_lines
from node.audit.inquest import inquire
from node.model.share_code import ShareCode
from node.wire.export import Entry, OwnCheckpoint, Record
from tests.erasing import OFFICER, RULE, Pair, credential, paired
from tests.federation import make_root

NUMBER, OTHER = "XA-2019-000001", "XA-2019-000002"
BOTH = [Aim.REPLAY, Aim.RECONCILE]


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    async with paired(tmp_path) as running:
        await running.register(credential(NUMBER), credential(OTHER, "Somebody Else"))
        yield running


async def exchanged(pair: Pair) -> ShareCode:
    """Let XB ask about both credentials, twice about the one to be erased."""
    code, other = await pair.code(NUMBER), await pair.code(OTHER)
    for one in (code, other, code):
        await pair.ask(one)
    return other


async def erase(pair: Pair) -> None:
    erasing = pair.running["XA"].opened.erasure.erasing
    await erasing.erase_record([NUMBER], RULE, OFFICER)


async def records(pair: Pair, node: str) -> list[Record]:
    ledger = pair.running[node].opened.ledger
    await ledger.sign_head()
    return list(ledger.records())


async def audited(pair: Pair, *nodes: str) -> Report:
    journals = [await records(pair, node) for node in nodes]
    return inquire(journals, [make_root()], frozenset(BOTH)).report


async def test_both_sides_pass_once_the_peer_has_erased_too(pair: Pair) -> None:
    other = await exchanged(pair)
    assert (await audited(pair, "XA", "XB")).verdict is Verdict.PASS
    await erase(pair)
    assert await pair.send_erasures() == 1
    await pair.ask(other)
    for nodes in (["XA"], ["XB"], ["XA", "XB"]):
        report = await audited(pair, *nodes)
        assert report.verdict is Verdict.PASS, render_lines(report)
        assert any(
            f"statements erased under {RULE} by officer anna" in note for note in report.notes
        ) == ("XA" in nodes)
        erased = next(one for one in report.checks if one.check is Check.ERASED)
        assert erased.passed >= 4


async def test_a_peer_that_has_not_answered_yet_holds_what_was_erased(pair: Pair) -> None:
    await exchanged(pair)
    await erase(pair)
    report = await audited(pair, "XA", "XB")
    assert report.verdict is Verdict.PASS, render_lines(report)
    (note,) = [one for one in report.notes if "XB was told and holds them still" in one]
    assert note.startswith("xb.")
    assert ": 2 answers of XA that it erased under " in note


async def test_an_erasure_that_is_not_journalled_is_a_fault(pair: Pair) -> None:
    await exchanged(pair)
    whole = await records(pair, "XA")
    await erase(pair)
    now = await records(pair, "XA")
    before = sum(isinstance(record, Entry) for record in whole)
    cut = [
        record
        for record in now
        if (record.index if isinstance(record, Entry) else 0) < before
        and (record.size if isinstance(record, OwnCheckpoint) else 0) <= before
    ]
    report = inquire([cut], [make_root()], frozenset(BOTH)).report
    assert {one.sentence for one in report.findings if one.check is Check.ERASED} == {
        "missing content without an Erasure"
    }
