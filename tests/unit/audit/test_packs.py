"""Replaying packs: what was withheld or erased is counted, never taken for a fault."""

from collections.abc import Iterable

import pytest
from msgspec.structs import replace

from node.audit.examined import Aim
from node.audit.findings import Check, Finding, Report, Verdict, render_lines
from node.audit.inquest import inquire
from node.model.statement import BODY_NUMBERS, Answer, Erasure, Grant, Query
from node.wire.export import Commitments, CounterpartRecord, Entry, Header, Record
from tests.journals import XA, XB, Border, every_outcome, found, one_exchange
from tests.packs import (
    AUTHORITY,
    RULE,
    erase,
    grant_access,
    packed,
    taken,
    tell,
    without,
)

ALL = 1_000_000
_ANSWERS = BODY_NUMBERS[Answer]
_QUERIES = BODY_NUMBERS[Query]


def audited(border: Border, *journals: Iterable[Record], aims: Iterable[Aim] = Aim) -> Report:
    return inquire(journals, [border.trust.root], frozenset(aims)).report


def replayed(border: Border, *journals: Iterable[Record]) -> Report:
    return audited(border, *journals, aims=[Aim.REPLAY])


def of(report: Report, check: Check) -> list[Finding]:
    return [finding for finding in report.findings if finding.check is check]


def made(report: Report, check: Check) -> tuple[int, int, int]:
    for count in report.checks:
        if count.check is check:
            return count.passed, count.failed, count.undetermined
    return 0, 0, 0


# --- grants --------------------------------------------------------------------------------


def test_a_pack_of_everything_is_judged_like_the_whole_journal() -> None:
    border = every_outcome()
    pack = taken(border, border.answering, Grant(0, ALL))
    report = replayed(border, pack)
    assert (report.verdict, report.notes) == (Verdict.PASS, ())
    assert made(report, Check.GRANT) == (1, 0, 0)
    assert made(report, Check.RECOMPUTED) == made(
        replayed(border, border.answering.records()), Check.RECOMPUTED
    )


def test_what_is_outside_the_range_is_told_as_a_count_and_is_no_fault() -> None:
    border, asked, _, concluded = one_exchange()
    pack = taken(border, border.asking, Grant(concluded + 1, concluded + 2))
    assert [type(one) for one in pack if isinstance(one, Commitments)]
    report = replayed(border, pack)
    assert report.verdict is Verdict.PASS
    assert report.notes == (
        f"{XA}: {concluded - asked + 1} entries withheld by the grant: not judged",
    )
    assert report.notes[0] in render_lines(report)


def test_a_conclusion_whose_query_is_withheld_is_undetermined() -> None:
    border, asked, _, concluded = one_exchange()
    assert asked < concluded
    report = replayed(border, taken(border, border.asking, Grant(concluded, concluded + 1)))
    assert report.verdict is Verdict.INDETERMINATE
    (finding,) = report.findings
    assert (finding.check, finding.sentence) == (
        Check.CONCLUSION,
        "the query that it concludes was withheld by the grant",
    )
    assert made(report, Check.SETTLED) == (1, 0, 0), "that it was asked is in the tree"


def test_a_query_whose_conclusion_is_withheld_is_undetermined() -> None:
    border, asked, _, _ = one_exchange()
    border.step(100_000)
    report = replayed(border, taken(border, border.asking, Grant(asked, asked + 1)))
    assert found(report, Verdict.INDETERMINATE) == {(Check.SETTLED, XA, asked)}
    assert found(report) == set()


def test_answers_that_rest_on_what_is_withheld_are_undetermined() -> None:
    border, _, answered, _ = one_exchange()
    report = replayed(border, taken(border, border.answering, Grant(answered, answered + 1)))
    assert found(report, Verdict.INDETERMINATE) == {(Check.RECOMPUTED, XB, answered)}
    assert found(report) == set()


def test_a_lie_within_the_grant_is_found_whatever_is_withheld_before() -> None:
    border = Border()
    border.exchange(border.query(border.give(border.register())))
    first = len(border.answering.entries)
    code = border.give(border.register())
    border.answering.commit(border.now)
    _, (answered,), _ = border.exchange(
        border.query(code), change=lambda answer: replace(answer, disclosed=())
    )
    report = replayed(border, taken(border, border.answering, Grant(first, ALL)))
    assert (Check.RECOMPUTED, XB, answered) in found(report)


def test_kinds_that_were_not_granted_are_withheld() -> None:
    border = every_outcome()
    grant = Grant(0, ALL, (_ANSWERS,))
    pack = taken(border, border.answering, grant)
    assert [one.index for one in pack if isinstance(one, Entry)]
    report = replayed(border, pack)
    assert found(report) == set()
    assert {finding.check for finding in report.findings} == {Check.RECOMPUTED}
    assert "entries withheld by the grant" in report.notes[0]


def test_a_journal_that_was_granted_something_else_is_a_fault() -> None:
    border, _, answered, _ = one_exchange()
    access = grant_access(border, border.answering, Grant(0, ALL))
    wider = list(packed(border.answering, Grant(answered, answered + 1), access))
    assert of(replayed(border, wider), Check.GRANT)[0].sentence == (
        "the file says that another part of the journal was granted"
    )
    elsewhere = list(packed(border.answering, Grant(0, ALL), answered))
    assert of(replayed(border, elsewhere), Check.GRANT)[0].sentence == (
        "the file names this entry as its grant, and it is none"
    )
    beyond = list(packed(border.answering, Grant(0, ALL), access + 1))
    assert of(replayed(border, beyond), Check.GRANT)[0].sentence == (
        "the entry that journals what was granted is not in the file"
    )


def test_more_than_was_granted_is_a_fault() -> None:
    border, _, answered, _ = one_exchange()
    grant = Grant(answered, answered + 1)
    access = grant_access(border, border.answering, grant)
    whole = [
        replace(record, grant=grant, access=access) if isinstance(record, Header) else record
        for record in border.answering.records()
    ]
    places = {finding.place.index for finding in of(replayed(border, whole), Check.GRANT)}
    assert places == {1, 2}, "the credential and the share code"


# --- erased --------------------------------------------------------------------------------


def erased_exchange() -> tuple[Border, list[Record], list[Record]]:
    """Return two journals that erased an exchange of three, as their exports have it."""
    border = Border()
    codes = [border.give(border.register()) for _ in range(3)]
    border.answering.commit(border.now)
    told = [border.exchange(border.query(code)) for code in codes]
    asked, answered, concluded = (one[0] for one in told[1])
    gone_there = erase(border, border.answering, [answered, 3, 4])
    tell(border, asked, answered, let_go=True)
    gone_here = erase(border, border.asking, [asked, concluded])
    return (
        border,
        list(without(border.asking.records(), gone_here)),
        list(without(border.answering.records(), gone_there)),
    )


def test_both_sides_pass_after_an_erasure_and_say_under_which_rule() -> None:
    border, asking, answering = erased_exchange()
    for journals in ([asking], [answering], [asking, answering]):
        report = audited(border, *journals, aims=[Aim.REPLAY, Aim.RECONCILE])
        assert report.verdict is Verdict.PASS, render_lines(report)
    told = f"statements erased under {RULE} by {AUTHORITY}"
    assert report.notes == (f"{XA}: 2 {told}", f"{XB}: 3 {told}")
    assert made(report, Check.ERASED) == (5, 0, 0)
    assert made(report, Check.ERASURE_SEAL) == (2, 0, 0)


def test_content_that_is_missing_without_an_erasure_is_a_fault() -> None:
    border, _, answered, _ = one_exchange()
    report = replayed(border, list(without(border.answering.records(), {answered})))
    (finding,) = of(report, Check.ERASED)
    assert (finding.verdict, finding.place.index) == (Verdict.FAIL, answered)
    assert finding.sentence == "missing content without an Erasure"


def test_what_was_erased_and_is_still_there_is_a_fault() -> None:
    border, _, answered, _ = one_exchange()
    erase(border, border.answering, [answered])
    (finding,) = of(replayed(border, border.answering.records()), Check.ERASED)
    assert (finding.verdict, finding.place.index) == (Verdict.FAIL, answered)
    assert finding.sentence.endswith("says that this was erased, and it is still there")


def test_an_erasure_of_what_comes_later_covers_nothing() -> None:
    border, _, _, _ = one_exchange()
    journal = border.answering
    later = len(journal.entries) + 1
    journal.say(Erasure((later,), _ANSWERS, RULE, AUTHORITY), border.now)
    border.register()
    journal.commit(border.now)
    report = replayed(border, list(without(journal.records(), {later})))
    assert {finding.place.index for finding in of(report, Check.ERASED)} == {later - 1, later}


def test_a_query_erased_before_its_conclusion_was_asked_all_the_same() -> None:
    border, asked, _, _ = one_exchange()
    erase(border, border.asking, [asked])
    report = replayed(border, list(without(border.asking.records(), {asked})))
    assert report.verdict is Verdict.PASS
    assert made(report, Check.SETTLED) == (1, 0, 0)


def test_an_answer_that_what_was_erased_may_explain_is_undetermined() -> None:
    border = Border()
    code = border.give(border.register(), uses=1)
    border.answering.commit(border.now)
    _, (spent,), _ = border.exchange(border.query(code))
    _, (refused,), _ = border.exchange(border.query(code))
    erase(border, border.answering, [spent])
    report = replayed(border, list(without(border.answering.records(), {spent})))
    assert found(report, Verdict.INDETERMINATE) == {(Check.RECOMPUTED, XB, refused)}
    assert found(report) == set()


def test_checkpoints_of_keys_that_began_within_what_is_missing_are_opened() -> None:
    border, _, _, _ = one_exchange()
    report = replayed(border, taken(border, border.answering, Grant(0, 1)))
    assert made(report, Check.CHECKPOINT_SIGNATURE)[1:] == (0, 0)


# --- the other side ------------------------------------------------------------------------


def reconciled(border: Border, *journals: Iterable[Record]) -> Report:
    return audited(border, *journals, aims=[Aim.RECONCILE])


@pytest.mark.parametrize("told", ["", "kept", "let go"])
def test_reconcile_says_what_one_side_erased_and_the_other_holds(told: str) -> None:
    border, asked, answered, _ = one_exchange()
    if told:
        tell(border, asked, answered, let_go=told == "let go")
    erase(border, border.answering, [answered])
    report = reconciled(
        border, border.asking.records(), list(without(border.answering.records(), {answered}))
    )
    if told == "kept":
        assert report.verdict is Verdict.PASS
        assert any("XA was told and holds them still" in note for note in report.notes)
        return
    (finding,) = of(report, Check.LEFT_OUT)
    if told:
        assert (finding.verdict, finding.at_fault) == (Verdict.FAIL, ("XA",))
        assert "has erased it too, and holds it still" in finding.sentence
    else:
        assert (finding.verdict, finding.not_shown) == (Verdict.INDETERMINATE, ("XB",))
        assert f"XB erased this answer under {RULE}" in finding.sentence
        assert "no request that XA" in finding.sentence


def test_reconcile_says_which_question_was_erased() -> None:
    border, asked, _, concluded = one_exchange()
    erase(border, border.asking, [asked, concluded])
    asking = list(without(border.asking.records(), {asked, concluded}))
    report = reconciled(border, asking, border.answering.records())
    (finding,) = of(report, Check.UNASKED)
    assert f"XA erased this question under {RULE}" in finding.sentence


def test_who_asked_for_an_erasure_itself_is_not_said_to_know_nothing_of_it() -> None:
    """Its pack was written before it asked."""
    border, asked, answered, concluded = one_exchange()
    older = list(border.answering.records())
    tell(border, asked, answered, let_go=True)
    erase(border, border.asking, [asked, concluded])
    asking = list(without(border.asking.records(), {asked, concluded}))
    report = reconciled(border, asking, older)
    assert of(report, Check.UNASKED) == []
    assert any("XB asked for that itself and holds them still" in note for note in report.notes)


def test_what_the_other_side_holds_of_what_is_withheld_stands_there() -> None:
    border, _, answered, _ = one_exchange()
    pack = taken(border, border.answering, Grant(0, answered))
    report = audited(border, border.asking.records(), pack, aims=[Aim.REPLAY, Aim.RECONCILE])
    assert report.verdict is Verdict.PASS, render_lines(report)
    assert made(report, Check.BOTH_SIDES)[1:] == (0, 0)
    assert made(report, Check.LEFT_OUT) == (1, 0, 0)


def test_an_answer_withheld_though_it_was_granted_is_shown_by_the_other_side() -> None:
    border, _, answered, _ = one_exchange()
    grant = Grant(0, ALL, (_QUERIES, _ANSWERS))
    access = grant_access(border, border.answering, grant)
    pack = list(packed(border.answering, grant, access, {answered}))
    report = reconciled(border, border.asking.records(), pack)
    (finding,) = of(report, Check.LEFT_OUT)
    assert (finding.verdict, finding.at_fault) == (Verdict.FAIL, ("XB",))
    assert finding.sentence.endswith("withholds it, though the grant covers it")


def test_a_counterpart_without_its_entry_is_told() -> None:
    border, _, answered, _ = one_exchange()
    erase(border, border.answering, [answered])
    records = [
        record
        for one in border.answering.records()
        for record in (
            without([one], {answered}) if not isinstance(one, CounterpartRecord) else [one]
        )
    ]
    assert (Check.ENTRY_ORDER, XB, answered) in found(replayed(border, records))
