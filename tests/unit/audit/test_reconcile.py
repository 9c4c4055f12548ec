"""Reconciling tells what one side left out, and blames only whom its own seals show at fault."""

from collections.abc import Callable, Iterable

import pytest
from msgspec.structs import replace

from node.audit.examined import Aim
from node.audit.findings import Check, Finding, Report, Verdict
from node.audit.inquest import inquire
from node.errors import Code
from node.model.credential import Status
from node.model.statement import Conclusion, NoAnswer, Outcome, StatusChanged
from node.wire.export import CounterpartRecord, Entry, Record
from tests.journals import XA, XB, Border, altered, every_outcome, newer_trust, until
from tests.world import SECOND_US

OF_THE_EXCHANGE = {
    Check.UNANSWERED,
    Check.UNASKED,
    Check.ANSWERS_DIFFER,
    Check.LEFT_OUT,
    Check.DEADLINE,
    Check.CLOCKS,
    Check.LIST_LEFT,
}


def reconciled(border: Border, *journals: Iterable[Record]) -> Report:
    given = journals or (border.asking.records(), border.answering.records())
    return inquire(given, [border.trust.root], frozenset({Aim.RECONCILE})).report


def differences(report: Report) -> list[Finding]:
    return [finding for finding in report.findings if finding.check in OF_THE_EXCHANGE]


def only(report: Report) -> Finding:
    (finding,) = differences(report)
    return finding


def blamed(finding: Finding) -> tuple[Check, str, int | None, tuple[str, ...], tuple[str, ...]]:
    place = finding.place
    return finding.check, place.journal, place.index, finding.at_fault, finding.not_shown


Change = Callable[[Border, list[int]], None]


def two_worlds(
    different: Callable[[Border], object],
) -> tuple[Border, Border, int, int, int]:
    """Return two worlds alike up to where one exchanges and the other does something else."""
    told: list[tuple[Border, int, int, int]] = []
    for honest in (True, False):
        border = Border()
        code = border.give(border.register())
        border.answering.commit(border.now)
        border.exchange(border.query(code))
        if honest:
            asked, answered, concluded = border.exchange(border.query(code))
            told.append((border, asked[0], answered[0], concluded[0]))
        else:
            different(border)
            told.append((border, 0, 0, 0))
    return told[0][0], told[1][0], *told[0][1:]


def say_otherwise(border: Border) -> None:
    """Let both nodes journal something else than an exchange."""
    border.answering.say(StatusChanged("XB-2019-000001", Status.ACTIVE, "other"), border.now)
    border.asking.say(NoAnswer(bytes(32), Code.BUSY), border.now)
    for journal in (border.asking, border.answering):
        journal.commit(border.now)


# --- nothing to find -----------------------------------------------------------------------


def test_finds_nothing_but_an_open_end_between_two_true_journals() -> None:
    border = every_outcome()
    report = reconciled(border)
    unanswered = len(border.asking.entries) - 2
    finding = only(report)
    assert blamed(finding) == (Check.UNANSWERED, XA, unanswered, (), ("XA", "XB"))
    assert "may have been exported before the question" in finding.sentence
    assert report.verdict is Verdict.INDETERMINATE
    held = {count.check: count.passed for count in report.checks}
    assert held[Check.ANSWERS_DIFFER] == held[Check.UNASKED] == held[Check.LEFT_OUT] == 11


def test_compares_only_with_journals_that_were_given() -> None:
    border = every_outcome()
    report = reconciled(border, border.asking.records())
    assert differences(report) == []


# --- one side has nothing ------------------------------------------------------------------


def test_shows_that_a_node_left_an_answer_out_of_the_journal_it_signed() -> None:
    honest, other, _, answered, concluded = two_worlds(say_otherwise)
    finding = only(reconciled(honest, honest.asking.records(), other.answering.records()))
    assert blamed(finding) == (Check.LEFT_OUT, XA, concluded, ("XB",), ())
    assert finding.verdict is Verdict.FAIL
    assert [(place.journal, place.index) for place in finding.beside] == [(XB, answered)]


def test_shows_that_a_node_left_its_question_out_of_the_journal_it_signed() -> None:
    honest, other, _, answered, _ = two_worlds(say_otherwise)
    findings = differences(reconciled(honest, other.asking.records(), honest.answering.records()))
    assert [blamed(finding) for finding in findings] == [(Check.UNASKED, XB, answered, ("XA",), ())]


def test_blames_nobody_where_a_journal_was_given_only_up_to_before() -> None:
    honest, _, asked, answered, concluded = two_worlds(say_otherwise)
    before = honest.answering.notes[-2].size
    assert before <= answered
    report = reconciled(honest, honest.asking.records(), until(honest.answering, before))
    assert blamed(only(report)) == (Check.LEFT_OUT, XA, concluded, (), ("XB",))
    assert "export it again" in only(report).sentence
    shorter = honest.asking.notes[-3].size
    assert shorter <= asked
    report = reconciled(honest, until(honest.asking, shorter), honest.answering.records())
    assert blamed(only(report)) == (Check.UNASKED, XB, answered, (), ("XA",))


def test_blames_nobody_for_a_journal_that_is_not_what_its_node_signed() -> None:
    honest, _, _, answered, concluded = two_worlds(say_otherwise)
    other = honest.answering.entries[answered - 1]
    records = altered(
        honest.answering.records(), Entry, answered, lambda _entry: replace(other, index=answered)
    )
    report = reconciled(honest, honest.asking.records(), records)
    assert (Check.CHECKPOINT_ROOT, Verdict.FAIL) in {(f.check, f.verdict) for f in report.findings}
    findings = [one for one in differences(report) if one.check is Check.LEFT_OUT]
    assert [blamed(one) for one in findings] == [(Check.LEFT_OUT, XA, concluded, (), ("XB",))]
    assert "anybody may have changed it" in findings[0].sentence


def test_blames_nobody_for_a_claim_without_a_seal() -> None:
    honest, other, asked, answered, concluded = two_worlds(say_otherwise)
    unheld = altered(honest.asking.records(), CounterpartRecord, concluded, lambda _record: None)
    finding = only(reconciled(honest, unheld, other.answering.records()))
    assert blamed(finding) == (Check.UNANSWERED, XA, asked, (), ("XA", "XB"))
    unproved = altered(
        honest.answering.records(), CounterpartRecord, answered, lambda _record: None
    )
    finding = only(reconciled(honest, other.asking.records(), unproved))
    assert blamed(finding) == (Check.UNASKED, XB, answered, (), ("XB",))


@pytest.mark.parametrize(
    ("code", "says"),
    [(Code.BUSY, "says that it was refused (busy)"), (None, "has not settled it")],
)
def test_tells_why_a_question_has_no_answer(code: Code | None, says: str) -> None:
    border = Border()
    asked = border.put([border.query(border.give(border.register()))])
    if code is not None:
        border.asking.say(NoAnswer(border.asking.commitment(asked[0]), code), border.step(20))
    for journal in (border.asking, border.answering):
        journal.adopt(newer_trust(), border.now)
        journal.commit(border.now)
    finding = only(reconciled(border))
    assert blamed(finding) == (Check.UNANSWERED, XA, asked[0], (), ("XA", "XB"))
    assert says in finding.sentence


def test_asks_for_a_longer_journal_where_the_other_ends_before_the_question() -> None:
    border = Border()
    code = border.give(border.register())
    border.answering.commit(border.now)
    border.step(5)
    asked = border.put([border.query(code)])
    finding = only(reconciled(border))
    assert finding.place.index == asked[0]
    assert "may have been exported before the question" in finding.sentence


# --- both sides have something -------------------------------------------------------------


def test_an_answer_that_was_given_up_on_is_nobodys_shown_fault() -> None:
    border = Border()
    asked = border.put([border.query(border.give(border.register()))])
    border.answer(asked)
    border.asking.say(
        NoAnswer(border.asking.commitment(asked[0]), Code.PEER_SILENT), border.step(11)
    )
    border.asking.commit(border.now)
    finding = only(reconciled(border))
    assert blamed(finding) == (Check.UNANSWERED, XA, asked[0], (), ("XA", "XB"))
    assert "whether it was sent, and arrived, cannot be shown" in finding.sentence


@pytest.mark.parametrize(
    ("lie", "says"),
    [
        (lambda c: replace(c, outcome=Outcome.REVOKED), "REVOKED from an answer that says CONF"),
        (lambda c: replace(c, answer=bytes(32)), "names another answer than the one it holds"),
    ],
    ids=["outcome", "answer"],
)
def test_shows_a_conclusion_that_is_not_what_was_answered(
    lie: Callable[[Conclusion], Conclusion], says: str
) -> None:
    border = Border()
    asked = border.put([border.query(border.give(border.register()))])
    answered = border.answer(asked)
    concluded = border.conclude(asked, answered, lie)
    finding = only(reconciled(border))
    assert blamed(finding) == (Check.ANSWERS_DIFFER, XA, concluded[0], ("XA",), ())
    assert says in finding.sentence


def test_shows_that_one_question_was_answered_twice() -> None:
    border = Border()
    asked, answered, _ = border.exchange(border.query(border.give(border.register())))
    again = border.answer(asked)
    finding = only(reconciled(border))
    assert blamed(finding) == (Check.ANSWERS_DIFFER, XB, answered[0], ("XB",), ())
    assert (XB, again[0]) in {(place.journal, place.index) for place in finding.beside}


# --- times and lists -----------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "shown"), [(0, None), (5, False), (60, False), (61, True)])
def test_shows_a_missed_deadline_only_beyond_what_clocks_may_differ(
    seconds: int, shown: bool | None
) -> None:
    border = Border()
    asked = border.put([border.query(border.give(border.register()))])
    border.step(10 + seconds)
    answered = border.answer(asked)
    border.conclude(asked, answered)
    found = differences(reconciled(border))
    if shown is None:
        assert found == []
    elif shown:
        assert {blamed(one)[1:4:2] for one in found} == {(XA, ("XA",)), (XB, ("XB",))}
    else:
        assert [blamed(one) for one in found] == [(Check.DEADLINE, XB, answered[0], (), ("XB",))]


def test_shows_that_a_node_gave_up_before_its_own_deadline() -> None:
    border = Border()
    asked = border.put([border.query(border.give(border.register()))])
    border.answering.commit(border.step(1))
    given_up = border.asking.say(
        NoAnswer(border.asking.commitment(asked[0]), Code.PEER_SILENT), border.step(5)
    )
    border.asking.commit(border.now)
    found = {blamed(one) for one in differences(reconciled(border))}
    assert (Check.DEADLINE, XA, given_up, ("XA",), ()) in found


@pytest.mark.parametrize(("seconds", "way"), [(-7, "behind"), (7, "ahead of")])
def test_tells_how_far_clocks_are_apart_and_not_whose_is_wrong(seconds: int, way: str) -> None:
    border = Border()
    code = border.give(border.register())
    border.answering.commit(border.now)
    border.step(20)
    for _ in range(3):
        asked = border.put([border.query(code)])
        border.now += seconds * SECOND_US
        answered = border.answer(asked)
        border.now -= seconds * SECOND_US
        border.conclude(asked, answered)
        border.step()
    finding = only(reconciled(border))
    assert (finding.check, finding.times) == (Check.CLOCKS, 3)
    assert finding.not_shown == ("XA", "XB")
    assert f"at least 7.0 s {way}" in finding.sentence


def test_tells_that_a_list_was_named_which_the_other_had_left() -> None:
    border = Border()
    code = border.give(border.register())
    border.answering.adopt(newer_trust(title="another"), border.now)
    border.answering.commit(border.now)
    for _ in range(2):
        border.exchange(border.query(code))
    assert differences(reconciled(border)) == []
    border.step(180)
    asked, *_ = border.exchange(border.query(code))
    found = [one for one in differences(reconciled(border)) if one.check is Check.LIST_LEFT]
    assert [blamed(one) for one in found] == [(Check.LIST_LEFT, XA, asked[0], (), ("XA",))]
    assert "3 min" in found[0].sentence
