"""What a registry's journal tells of backdating: where an auditor looks, the likeliest first."""

from datetime import date

import msgspec
import pytest
from msgspec.structs import replace

from node.audit.examined import Aim
from node.audit.findings import Check, Finding, Report, Verdict
from node.audit.inquest import inquire
from node.model.credential import AwardType, Status
from node.model.statement import CredentialRegistered, StatusChanged
from tests.federation import issuers_file, sample_trust, trust_files
from tests.journals import Border
from tests.world import SampleTrust, sample_credential

COLLEGE = {"issuer": "Lycée des métiers de Port-Sauvry", "awarded_on": date(2026, 11, 20)}
HOUR_S = 60 * 60


def looked_at(border: Border, late_after_days: int = 365) -> Report:
    journal = border.answering
    if journal.notes[-1].size < len(journal.entries):
        journal.commit(border.now)
    return inquire(
        [border.answering.records()],
        [border.trust.root],
        frozenset({Aim.REGISTRY}),
        late_after_days=late_after_days,
    ).report


def found(report: Report, check: Check) -> list[Finding]:
    return [finding for finding in report.findings if finding.check is check]


def edited(border: Border, number: int, **changes: object) -> int:
    """State a credential anew, with changes."""
    credential = sample_credential(f"XB-2019-{number:06}", **(COLLEGE | changes))
    return border.answering.say(CredentialRegistered(credential), border.now)


def test_finds_nothing_in_a_registry_that_keeps_up() -> None:
    border = Border()
    code = border.give(border.register(**COLLEGE))
    border.answering.commit(border.now)
    border.exchange(border.query(code))
    report = looked_at(border)
    assert report.verdict is Verdict.PASS
    made = {count.check for count in report.checks}
    assert {Check.AWARD_DATE, Check.LATE_AWARD, Check.ISSUER, Check.BURST} <= made


# --- dates ---------------------------------------------------------------------------------


def test_finds_an_award_that_entered_the_registry_long_after_its_date() -> None:
    border = Border()
    border.register(**(COLLEGE | {"awarded_on": date(2015, 6, 1)}))
    border.register(**(COLLEGE | {"awarded_on": date(2025, 6, 1)}))
    late, later = found(looked_at(border), Check.LATE_AWARD)
    assert (late.place.index, later.place.index) == (1, 2)  # the latest stands first
    assert late.verdict is Verdict.INDETERMINATE
    assert "by itself 4,193 days after" in late.sentence
    assert found(looked_at(border, late_after_days=5000), Check.LATE_AWARD) == []


def test_finds_an_award_that_is_dated_after_it_entered_the_registry() -> None:
    border = Border()
    border.register(**(COLLEGE | {"awarded_on": date(2026, 11, 24)}))
    border.register(**(COLLEGE | {"awarded_on": date(2026, 12, 24)}))
    (future,) = found(looked_at(border), Check.AWARD_DATE)
    assert (future.verdict, future.place.index, future.at_fault) == (Verdict.FAIL, 2, ("XB",))


def test_takes_the_awards_of_one_burst_together() -> None:
    border = Border()
    for month in range(60):
        border.register(**(COLLEGE | {"awarded_on": date(2012 + month // 12, month % 12 + 1, 1)}))
    report = looked_at(border)
    (late,) = found(report, Check.LATE_AWARD)
    assert (late.times, late.place.index, late.beside[-1].index) == (60, 1, 60)
    (burst,) = found(report, Check.BURST)
    assert burst.sentence.startswith("60 awards entered the registry in the hour from 2026-11-23")


def test_finds_a_burst_beside_the_usual_rate_and_whose_awards_they_are() -> None:
    border = Border()
    for day in range(5):
        border.register(**COLLEGE)
        border.register(**(COLLEGE | {"issuer": "xb-college"}))
        border.step(24 * HOUR_S)
        if day == 3:
            for _ in range(80):
                border.register(**COLLEGE)
    whole, issuer = found(looked_at(border), Check.BURST)
    assert {"82 awards" in one.sentence or "81 awards" in one.sentence for one in (whole, issuer)}
    assert any("in the median hour, 2" in one.sentence for one in (whole, issuer))
    assert any("of this issuer" in one.sentence for one in (whole, issuer))


# --- issuers -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"isco08": "5120"},
        {"level_eqf": 5},
        {"award_type": AwardType.LICENCE},
        {"awarded_on": date(2009, 12, 31)},
    ],
    ids=["occupation", "level", "kind", "before"],
)
def test_finds_an_issuer_outside_its_accreditation_at_the_award(
    changes: dict[str, object],
) -> None:
    border = Border()
    border.register(**COLLEGE)
    border.register(**(COLLEGE | {"issuer": "xb-college"} | changes))
    (finding,) = found(looked_at(border), Check.ISSUER)
    assert (finding.verdict, finding.place.index, finding.at_fault) == (Verdict.FAIL, 2, ("XB",))
    assert "xb-college was not accredited" in finding.sentence


def withdrawn(version: int, since: date) -> SampleTrust:
    """Return a list by which the college of XB is withdrawn."""
    listed = issuers_file("XB")
    college = replace(listed.issuers[0], withdrawn_since=since, reason="a test")
    issuers = replace(listed, issuers=(college,))
    files = trust_files() | {"issuers/XB/issuers.json": msgspec.json.encode(issuers)}
    return sample_trust(files, version=version)


def test_judges_an_issuer_by_the_list_in_force_on_the_day_of_the_award() -> None:
    border = Border()
    border.step(3 * 24 * HOUR_S)
    border.answering.adopt(withdrawn(2, date(2026, 11, 1)), border.now)
    border.step(3 * 24 * HOUR_S)
    before = border.register(**(COLLEGE | {"awarded_on": date(2026, 11, 24)}))
    border.register(**(COLLEGE | {"awarded_on": date(2026, 11, 28)}))
    assert before.number.endswith("1")
    (finding,) = found(looked_at(border), Check.ISSUER)
    assert (finding.place.index, finding.verdict) == (3, Verdict.FAIL)


def test_cannot_judge_an_issuer_that_the_list_does_not_know() -> None:
    border = Border()
    for _ in range(3):
        border.register(issuer="Lycée de Montrouge", awarded_on=date(2026, 11, 20))
    (finding,) = found(looked_at(border), Check.ISSUER)
    assert (finding.verdict, finding.times) == (Verdict.INDETERMINATE, 3)
    assert "Lycée de Montrouge" in finding.sentence


# --- edits ---------------------------------------------------------------------------------


def test_finds_an_edit_after_a_query_and_what_the_next_query_was_told() -> None:
    border = Border()
    code = border.give(border.register(**(COLLEGE | {"expires_on": date(2026, 11, 21)})))
    border.answering.commit(border.now)
    _, answered, _ = border.exchange(border.query(code))
    border.step(HOUR_S)
    index = edited(border, 1, expires_on=date(2030, 1, 1))
    border.exchange(border.query(code))
    (finding,) = found(looked_at(border), Check.EDITED)
    assert (finding.place.index, finding.verdict) == (index, Verdict.INDETERMINATE)
    assert [place.index for place in finding.beside] == answered
    assert finding.sentence == (
        "changes expires_on, 60 min after a query about it was answered EXPIRED; "
        "the next was answered CONFIRMED"
    )


def test_ranks_edits_by_what_they_change_and_how_soon() -> None:
    border = Border()
    codes = [border.give(border.register(**COLLEGE)) for _ in range(3)]
    border.answering.commit(border.now)
    border.exchange(*(border.query(code) for code in codes))
    small = edited(border, 1, language="de")
    border.step(60)
    grave = edited(border, 2, title="Ingenieur", level_eqf=6)
    status = border.answering.say(
        StatusChanged("XB-2019-000003", Status.REVOKED, "a test"), border.now
    )
    findings = found(looked_at(border), Check.EDITED)
    assert [finding.place.index for finding in findings] == [grave, small, status]
    assert "changes title, level_eqf" in findings[0].sentence
    assert not any("Ingenieur" in finding.sentence for finding in findings)


def test_an_edit_before_any_query_or_without_a_change_is_none() -> None:
    border = Border()
    code = border.give(border.register(**COLLEGE))
    edited(border, 1, title="Schweißer")
    border.answering.commit(border.now)
    border.exchange(border.query(code))
    edited(border, 1, title="Schweißer")
    assert found(looked_at(border), Check.EDITED) == []


# --- share codes ---------------------------------------------------------------------------


def test_finds_a_share_code_used_in_a_burst_and_tries_at_the_birth_date() -> None:
    border = Border()
    code = border.give(border.register(**COLLEGE), uses=100)
    border.answering.commit(border.now)
    first: list[int] = []
    for day in range(1, 13):
        _, answered, _ = border.exchange(border.query(code, born=date(1990, 1, day)))
        first += answered
    border.step(HOUR_S)
    border.exchange(border.query(code))
    (finding,) = found(looked_at(border), Check.CODE_BURST)
    assert (finding.place.index, finding.beside[-1].index) == (first[0], first[-1])
    assert "used 12 times within 33.0 s, for 1 requesters, 12 of them with a wrong" in (
        finding.sentence
    )


def test_a_share_code_used_now_and_then_is_no_burst() -> None:
    border = Border()
    code = border.give(border.register(**COLLEGE), uses=100)
    border.answering.commit(border.now)
    for _ in range(30):
        border.exchange(border.query(code))
        border.step(5)
    assert found(looked_at(border), Check.CODE_BURST) == []
