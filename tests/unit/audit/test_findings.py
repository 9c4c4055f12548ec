import json
from itertools import permutations

import pytest

from node.audit import findings as module
from node.audit.findings import (
    SPAN,
    TITLES,
    Check,
    Finding,
    Findings,
    JournalSummary,
    Place,
    Verdict,
    in_a_line,
    render_json,
    render_lines,
    span_in_words,
)

HERE = Place("xa.symbolon.example/journal", 7)


def test_every_check_has_a_title_of_its_own() -> None:
    assert set(TITLES) == set(Check)
    assert len(set(TITLES.values())) == len(Check)


def test_is_undetermined_where_nothing_was_checked() -> None:
    report = Findings().report()
    assert report.verdict is Verdict.INDETERMINATE


def test_a_failure_outweighs_whatever_else_was_found() -> None:
    findings = Findings()
    findings.passed(Check.FORMAT)
    assert findings.report().verdict is Verdict.PASS
    findings.undetermined(Check.TIMES, HERE, "no clock")
    assert findings.report().verdict is Verdict.INDETERMINATE
    findings.failed(Check.SPEAKER, HERE, "another node")
    report = findings.report()
    assert report.verdict is Verdict.FAIL
    assert [finding.verdict for finding in report.findings] == ["FAIL", "INDETERMINATE"]


def test_judges_by_faults_and_counts_each() -> None:
    findings = Findings()
    assert findings.judge(Check.TIMES, HERE, [])
    assert not findings.judge(Check.TIMES, HERE, ["early", "late"])
    (count,) = findings.report().checks
    assert (count.passed, count.failed, count.undetermined) == (1, 2, 0)


def test_keeps_the_first_findings_and_counts_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "FINDINGS_MAX", 3)
    findings = Findings()
    for index in range(5):
        findings.undetermined(Check.TIMES, Place("x", index), "no clock")
        findings.failed(Check.SPEAKER, Place("x", index), "another node")
    report = findings.report()
    assert [finding.place.index for finding in report.findings] == [0, 1, 2, 0, 1, 2]
    assert report.left_out == 4
    assert sum(count.failed + count.undetermined for count in report.checks) == 10
    assert "and 4 more findings" in "\n".join(render_lines(report))


def test_renders_journals_checks_findings_and_the_verdict_last() -> None:
    findings = Findings()
    findings.passed(Check.FORMAT)
    findings.failed(Check.SPEAKER, HERE, "is said by XB in the journal of XA")
    findings.undetermined(Check.TRUST_LIST, Place("receipt"), "cannot be read")
    report = findings.report([JournalSummary("XA", HERE.journal, 1200, 1200, 30, 4)])
    lines = render_lines(report)
    assert lines[0] == f"{HERE.journal}: 1,200 entries, 30 answers given, 4 questions concluded"
    assert f"PASS           {TITLES[Check.FORMAT]} (1 checked)" in lines
    assert f"FAIL: {HERE.journal}[7]: speaker: is said by XB in the journal of XA" in lines
    assert "INDETERMINATE: receipt: trust-list: cannot be read" in lines
    assert lines[-1] == "FAIL: 1 checks held, 1 failed, 1 could not be made"


def test_renders_the_same_for_machines() -> None:
    findings = Findings()
    findings.passed(Check.FORMAT)
    findings.failed(Check.SPEAKER, HERE, "is said by XB")
    report = findings.report([JournalSummary("XA", HERE.journal, 8, 8, 1, 2)])
    content = json.loads(json.dumps(render_json(report)))
    assert content["verdict"] == "FAIL"
    assert content["journals"][0]["entries"] == 8
    assert [check["verdict"] for check in content["checks"]] == ["PASS", "FAIL"]
    assert content["findings"] == [
        {
            "check": "speaker",
            "verdict": "FAIL",
            "journal": HERE.journal,
            "index": 7,
            "sentence": "is said by XB",
            "beside": [],
            "at_fault": [],
            "not_shown": [],
            "times": 1,
        }
    ]
    assert content["findings_left_out"] == 0


# --- ranking, recurrence, merging ----------------------------------------------------------


def noted(check: Check, index: int, weight: int = 0, verdict: Verdict = Verdict.FAIL) -> Finding:
    return Finding(check, verdict, Place("x", index), "a sentence", weight=weight)


def test_ranks_the_gravest_check_first_then_the_heaviest_then_by_place() -> None:
    found = [
        noted(Check.TIMES, 1),
        noted(Check.TIMES, 9, weight=5),
        noted(Check.FORMAT, 7, verdict=Verdict.INDETERMINATE),
        noted(Check.TIMES, 0),
        noted(Check.RECOMPUTED, 4),
    ]
    for order in permutations(found):
        findings = Findings()
        for finding in order:
            findings.add(finding)
        ranked = [(one.check, one.place.index) for one in findings.report().findings]
        assert ranked == [
            (Check.RECOMPUTED, 4),
            (Check.TIMES, 9),
            (Check.TIMES, 0),
            (Check.TIMES, 1),
            (Check.FORMAT, 7),
        ]


def test_tells_what_recurs_once_with_how_often_how_far_and_where() -> None:
    findings = Findings()
    for index, extent_us in ((7, 3_000_000), (2, 90 * 60_000_000), (5, 1)):
        late = Finding(Check.CLOCKS, Verdict.INDETERMINATE, Place("x", index), f"up to {SPAN}")
        findings.recur(late, extent_us)
    (finding,) = findings.report().findings
    assert (finding.times, finding.place.index, finding.beside) == (3, 2, (Place("x", 7),))
    assert in_a_line(finding) == "x[2]: clocks: up to 90 min (3 times, up to x[7])"
    assert findings.report().left_out == 0
    assert findings.count(Check.CLOCKS).undetermined == 3


def test_what_recurs_without_bound_is_counted_and_no_longer_listed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_RECURRING_MAX", 2)
    findings = Findings()
    for number in range(5):
        place = Place("x", number)
        findings.recur(Finding(Check.ISSUER, Verdict.FAIL, place, f"issuer {number}"))
    report = findings.report()
    assert (len(report.findings), report.left_out) == (2, 3)


def test_adds_up_what_several_have_gathered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FINDINGS_MAX", 3)
    whole, parts = Findings(), [Findings(), Findings()]
    for index in range(20):
        for findings in (whole, parts[index % 2]):
            findings.passed(Check.OWNER, 2)
            findings.failed(Check.TIMES, Place("x", 40 - index), "late")
            findings.recur(noted(Check.BURST, index), index)
    parts[1].merge(parts[0])
    assert render_json(parts[1].report()) == render_json(whole.report())
    assert whole.count(Check.OWNER).passed == 40


@pytest.mark.parametrize(
    ("span_us", "words"),
    [
        (1_500_000, "1.5 s"),
        (119_000_000, "119.0 s"),
        (180_000_000, "3 min"),
        (3 * 3_600_000_000, "3 h"),
        (40 * 86_400_000_000, "40 days"),
        (4000 * 86_400_000_000, "4,000 days"),
    ],
)
def test_says_spans_of_time_in_their_largest_unit(span_us: int, words: str) -> None:
    assert span_in_words(span_us) == words


def test_names_who_is_shown_to_be_at_fault_and_who_is_not() -> None:
    finding = Finding(
        Check.DEADLINE,
        Verdict.FAIL,
        Place("x", 1),
        "late",
        (Place("y", 2),),
        at_fault=("XA",),
        not_shown=("XB", "XC"),
    )
    assert in_a_line(finding) == (
        "x[1]: deadline: late (beside y[2]) [shown to be at fault: XA; fault not shown: XB, XC]"
    )
