import json

import pytest

from node.audit import findings as module
from node.audit.findings import (
    TITLES,
    Check,
    Findings,
    JournalSummary,
    Place,
    Verdict,
    render_json,
    render_lines,
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
        }
    ]
    assert content["findings_left_out"] == 0
