"""A verdict is total, explained, the same every time, and more never makes it worse."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import date

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from node.errors import Refusal
from node.model.recognition.claims import (
    Application,
    Claims,
    Experience,
    decode_application,
    encode_application,
)
from node.model.recognition.form import StepEntry
from node.model.recognition.recognise import recognise
from node.model.recognition.spans import add_days, add_months, days_covered, days_of_months
from node.model.recognition.tables import compile_agreement, longest_verdict
from node.model.recognition.verdict import (
    RANKS,
    VERDICT_SIZE_MAX_BYTES,
    Verdict,
    decode_verdict,
    encode_verdict,
    outcome_of,
    total,
)
from node.model.statement import Disclosure, Outcome
from node.model.trust_files import AgreementFile
from tests.agreements import (
    DAYS,
    FRAMEWORKS,
    NOW,
    agreements,
    applications,
    claims,
    experiences,
)

_RAISED = st.tuples(st.sampled_from(FRAMEWORKS), st.integers(1, 10))


def judge(file: AgreementFile, claimed: Claims, application: Application, now: int) -> Verdict:
    """Judge by an agreement as it stands in a file."""
    return recognise(compile_agreement(file), claimed, application, now)


@given(agreements(), claims(), applications(), st.integers(-(2**62), 2**62) | NOW)
def test_every_agreement_leads_to_a_verdict_whose_bytes_are_canonical(
    file: AgreementFile, claimed: Claims, application: Application, now: int
) -> None:
    verdict = judge(file, claimed, application, now)
    content = encode_verdict(verdict)
    assert decode_verdict(content) == verdict
    assert encode_verdict(judge(file, claimed, application, now)) == content
    if file.recognition is not None:
        assert len(content) <= longest_verdict(file.recognition) <= VERDICT_SIZE_MAX_BYTES


@given(agreements(), claims(), applications(), NOW)
def test_the_total_follows_from_the_reasons_and_every_rule_is_among_them(
    file: AgreementFile, claimed: Claims, application: Application, now: int
) -> None:
    verdict = judge(file, claimed, application, now)
    assert total(verdict.routes, verdict.reasons) == (verdict.outcome, verdict.route)
    assert all(reason.clause for reason in verdict.reasons)
    compiled = {route.file.id: route for route in compile_agreement(file).routes}
    for route in verdict.routes:
        reasons = [reason for reason in verdict.reasons if reason.route == route.id]
        assert outcome_of(route.route, reasons) == route.outcome
        looked = [reason.rule for reason in reasons]
        assert looked[0] == "covered"
        if reasons[0].state == "met":
            entries = [*compiled[route.id].isco08.values(), *compiled[route.id].esco.values()]
            entries += compiled[route.id].national.values()
            kinds = [[rule.name for rule in entry.rules] for entry in entries]
            assert looked[1] == "standing"
            assert looked[2:] in kinds


@given(agreements(), claims(), applications(), NOW, experiences())
def test_more_experience_never_makes_a_verdict_worse(
    file: AgreementFile,
    claimed: Claims,
    application: Application,
    now: int,
    more: Sequence[Experience],
) -> None:
    least = replace(application, experience=application.experience or ())
    most = replace(least, experience=(*(least.experience or ()), *more))
    before, after = judge(file, claimed, least, now), judge(file, claimed, most, now)
    assert RANKS[after.outcome] <= RANKS[before.outcome]


@given(agreements(), claims(), applications(), NOW, _RAISED)
def test_a_higher_level_never_makes_a_verdict_worse(
    file: AgreementFile,
    claimed: Claims,
    application: Application,
    now: int,
    raised: tuple[str, int],
) -> None:
    framework, more = raised
    part = file.recognition
    known = dict(claimed.levels)
    level = known.get(framework, 1)
    lower = replace(claimed, levels=tuple((known | {framework: level}).items()))
    higher = replace(claimed, levels=tuple((known | {framework: min(10, level + more)}).items()))
    if part is not None:  # a step that is not there is unknown, not low: give every level one
        whole = tuple(
            replace(crosswalk, steps=_whole(crosswalk.steps)) for crosswalk in part.crosswalks
        )
        file = replace(file, recognition=replace(part, crosswalks=whole))
    before, after = judge(file, lower, application, now), judge(file, higher, application, now)
    assert RANKS[after.outcome] <= RANKS[before.outcome]


def _whole(steps: Sequence[StepEntry]) -> tuple[StepEntry, ...]:
    """Return steps from every level of ten, each at least as high as the one before."""
    found = {int(step.level): step for step in steps if step.level.isdigit()}
    last = steps[0]
    whole = []
    for level in range(1, 11):
        last = found.get(level, last)
        whole.append(replace(last, level=str(level)))
    return tuple(whole)


@given(agreements(), applications(), NOW, st.sampled_from(("7212", "7411", "5120")))
def test_what_nobody_has_said_is_never_found_to_be_met_or_missing(
    file: AgreementFile, application: Application, now: int, code: str
) -> None:
    bare = Claims(home="XA", outcome=Outcome.CONFIRMED, isco08=code)
    silent = Application(host=application.host, lodged_on=application.lodged_on)
    said_of_itself = {"notice", "ground", "limit", "covered", "standing"}
    for reason in judge(file, bare, silent, now).reasons:
        if reason.route and reason.rule not in said_of_itself:
            assert reason.state == "unknown", reason
            assert reason.why


@given(agreements(), claims(), applications(), NOW, st.data())
def test_changed_bytes_never_pass_for_a_verdict_that_does_not_follow(
    file: AgreementFile, claimed: Claims, application: Application, now: int, data: st.DataObject
) -> None:
    content = encode_verdict(judge(file, claimed, application, now))
    at = data.draw(st.integers(0, len(content) - 1))
    changed = content[:at] + data.draw(st.binary(max_size=2)) + content[at + 1 :]
    with suppress(Refusal):
        verdict = decode_verdict(changed)
        assert encode_verdict(verdict) == changed
        assert total(verdict.routes, verdict.reasons) == (verdict.outcome, verdict.route)


@given(applications())
def test_an_application_keeps_its_one_spelling(application: Application) -> None:
    content = encode_application(application)
    assert decode_application(content) == application
    with pytest.raises(Refusal, match="not spelled canonically"):
        decode_application(content + b" ")


@given(st.binary(max_size=200))
def test_any_bytes_are_an_application_or_refused_without_their_values(content: bytes) -> None:
    with pytest.raises(Refusal, match=r"^malformed: application"):
        decode_application(content)


def test_refuses_an_application_out_of_its_bounds_and_repeats_no_value() -> None:
    with pytest.raises(Refusal) as refused:
        decode_application(b'{"host":"XB","experience":[{"isco08":"secret"}]}')
    assert refused.value.reason == (
        "application.experience[0].isco08: is none, or out of its bounds"
    )
    with pytest.raises(Refusal, match="over 16384 bytes"):
        decode_application(b" " * 20_000)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_verdict_or_refused(content: bytes) -> None:
    with pytest.raises(Refusal, match="verdict"):
        decode_verdict(content)


@given(st.lists(st.tuples(DAYS, DAYS), max_size=5), DAYS, DAYS)
def test_days_of_overlapping_spans_are_counted_once(
    spans: list[tuple[date, date]], since: date, until: date
) -> None:
    days = {
        day
        for first, last in spans
        for day in range(first.toordinal(), last.toordinal() + 1)
        if since.toordinal() <= day <= until.toordinal()
    }
    assert days_covered(spans, since, until) == len(days)


@settings(max_examples=300)
@given(DAYS, st.integers(1, 240))
def test_whoever_worked_so_many_calendar_months_has_them(since: date, months: int) -> None:
    end = add_days(add_months(since, months), -1)
    assert days_covered([(since, end)], since, end) >= days_of_months(months)


def test_an_answer_in_no_known_form_claims_nothing() -> None:
    from node.model.credential import Field
    from node.model.recognition.claims import claims_of

    shown = [
        Disclosure(Field.LEVEL_EQF, "four"),
        Disclosure(Field.WORK_BASED_HOURS, "9" * 5000),
        Disclosure(Field.AWARDED_ON, "yesterday"),
        Disclosure(Field.NATIONAL_CODES, "XA"),
        Disclosure(Field.UNITS, "U-1 Welding"),
    ]
    found = claims_of("XA", Outcome.CONFIRMED, shown)
    assert (found.levels, found.work_based_hours, found.awarded_on) == ((), None, None)
    assert found.units == ("U-1",)
    assert msgspec.json.encode(found)
