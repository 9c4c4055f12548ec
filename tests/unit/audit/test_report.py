"""The report of all audits: one file for people that needs nothing else, one for machines."""

import json
import re
import shlex
from base64 import b64encode
from collections import Counter
from datetime import date
from hashlib import sha256
from html.parser import HTMLParser

import pytest
from msgspec.structs import replace

from node.audit.examined import Aim
from node.audit.findings import Check, Findings, Verdict
from node.audit.html_report import render_html
from node.audit.inquest import Found, inquire
from node.audit.plots import Plot, Shape, render
from node.audit.report import ROWS_MAX, Told, plots, render_report
from node.audit.series import SPANS_MAX, Series, percentiles, rows
from node.model.statement import AgreementReference, Purpose
from tests.journals import XB, Border, every_outcome

ALL = frozenset(Aim)
EVIL = "<script>alert('x')</script> معهد اللحام"
TOLD = Told(["xa.symbolon-journal", "with space"], frozenset({"with space"}), ["root.json"], 365)
MINUTE_US = 60_000_000


def audited(border: Border) -> Found:
    given = [border.asking.records(), border.answering.records()]
    return inquire(given, [border.trust.root], ALL)


def telling() -> Found:
    border = every_outcome()
    border.register(issuer=EVIL, awarded_on=date(2020, 1, 1))
    code = border.give(border.register())
    border.answering.commit(border.now)
    agreement = AgreementReference("xa-xb", 2)
    border.exchange(
        border.query(code, agreement=agreement),
        change=lambda answer: replace(answer, good_until=answer.good_until - 1),
    )
    return audited(border)


class _Balanced(HTMLParser):
    """Checks that every element that is opened is closed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: Counter[str] = Counter()
        self.attributes: Counter[str] = Counter()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen[tag] += 1
        self.attributes.update(name for name, _ in attrs)
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen[tag] += 1
        self.attributes.update(name for name, _ in attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parsed(page: str) -> _Balanced:
    parser = _Balanced()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser


# --- for people ----------------------------------------------------------------------------


def test_a_page_needs_nothing_else_and_runs_nothing() -> None:
    page = render_html(telling(), TOLD)
    seen = parsed(page)
    assert not {"script", "link", "img", "iframe", "object", "image", "use"} & seen.seen.keys()
    assert not {"style", "src", "onclick", "onload"} & seen.attributes.keys()
    assert "http:" not in page
    assert "https:" not in page
    assert "url(" not in page


def test_a_page_allows_its_own_style_and_nothing_more() -> None:
    page = render_html(telling(), TOLD)
    style = re.search("<style>(.*?)</style>", page, re.DOTALL)
    assert style is not None
    digest = b64encode(sha256(style[1].encode()).digest()).decode()
    policy = f"default-src &#x27;none&#x27;; style-src &#x27;sha256-{digest}&#x27;; "
    assert f'http-equiv="Content-Security-Policy" content="{policy}' in page
    assert page.index("Content-Security-Policy") < page.index("<style>")


def test_a_page_escapes_what_comes_from_journals_and_keeps_its_direction() -> None:
    page = render_html(telling(), TOLD)
    assert "<script>" not in page
    assert "&lt;script&gt;alert" in page
    assert re.search("<bdi>[^<]*معهد[^<]*</bdi>", page)


def test_a_page_is_the_same_whenever_it_is_made() -> None:
    assert render_html(telling(), TOLD) == render_html(telling(), TOLD)


def test_a_page_shows_each_finding_once_with_its_commands() -> None:
    found = telling()
    page = render_html(found, TOLD)
    seen = parsed(page)
    assert seen.seen["li"] == len(found.report.findings)
    assert seen.seen["figure"] == 4
    for finding in found.report.findings:
        assert str(finding.place) in page
    assert "symbolon audit registry xa.symbolon-journal &#x27;with space&#x27; --root" in page
    assert "symbolon --data &#x27;with space&#x27; journal show --from" in page


def test_a_page_of_nothing_is_a_page() -> None:
    page = render_html(Found(Findings().report(), Series(), ()), TOLD)
    parsed(page)
    assert "INDETERMINATE" in page
    assert "<svg" not in page


# --- for machines --------------------------------------------------------------------------


def test_every_finding_has_commands_that_a_shell_takes() -> None:
    content = render_report(telling(), TOLD)
    assert json.loads(json.dumps(content)) == content
    verbs: Counter[str] = Counter()
    for finding in content["findings"]:
        first, *shown = map(shlex.split, finding["commands"])
        assert first[:2] == ["symbolon", "audit"]
        assert first[-2:] == ["--check", finding["check"]]
        verbs[first[2]] += 1
        places = [(finding["journal"], finding["index"])]
        places += [(place["journal"], place["index"]) for place in finding["beside"]]
        for (journal, index), command in zip(
            [place for place in places if place[1] is not None], shown, strict=True
        ):
            assert ("with space" in command) == (journal == XB)
            assert command[command.index("--from") + 1] == str(index)
    assert verbs.keys() == {"replay", "reconcile", "registry"}


def test_what_happened_over_time_adds_up() -> None:
    found = telling()
    counts: Counter[str] = Counter()
    for span in render_report(found, TOLD)["series"]["spans"]:
        for one in span["counts"]:
            counts[one["what"]] += one["times"]
    assert counts["asked"] == 13
    assert counts["no answer: peer_silent"] == 1
    answers = sum(times for what, times in counts.items() if what.startswith("answer: "))
    assert answers == found.report.journals[1].answers == 12
    assert counts["answer: refused: no_agreement"] == 1


def test_plots_tell_refusals_by_their_rule() -> None:
    border = Border()
    code = border.give(border.register())
    border.answering.commit(border.now)
    border.exchange(border.query(code, purpose=Purpose.LICENSING), border.query(code))
    *_, outcomes = plots(audited(border))[2]
    assert outcomes.title == "Outcomes of answers"  # nothing was refused: no such plot


# --- counts over time ----------------------------------------------------------------------


def test_spans_are_doubled_until_they_are_few_in_any_order() -> None:
    times = [minute * MINUTE_US for minute in range(0, 6000, 2)]
    forwards, backwards, halves = Series(), Series(), (Series(), Series())
    for at in times:
        forwards.count(at, "XA", "asked")
        forwards.took(at, "XA", 1000)
    for number, at in enumerate(reversed(times)):
        backwards.count(at, "XA", "asked")
        backwards.took(at, "XA", 1000)
        halves[number % 2].count(at, "XA", "asked")
        halves[number % 2].took(at, "XA", 1000)
    halves[1].merge(halves[0])
    assert forwards.doublings == 3
    assert len({span for span, *_ in forwards.counts}) <= SPANS_MAX
    for other in (backwards, halves[1]):
        assert (other.doublings, other.counts) == (forwards.doublings, forwards.counts)
        assert other.latencies == forwards.latencies
    span_us, spans = rows(forwards, ROWS_MAX)
    assert len(spans) <= ROWS_MAX
    assert span_us % MINUTE_US == 0
    assert sum(sum(row.counts.values()) for row in spans) == len(times)


@pytest.mark.parametrize("latency_us", [1, 2, 3, 7, 999, 1_000_000, 12_345_678])
def test_latencies_are_told_within_a_quarter(latency_us: int) -> None:
    series = Series()
    for _ in range(10):
        series.took(0, "XA", latency_us)
    (row,) = rows(series, ROWS_MAX)[1]
    assert all(latency_us <= told <= max(latency_us * 1.26, 2) for told in row.latency_us)


def test_percentiles_stand_where_that_many_have_passed() -> None:
    assert percentiles(Counter()) == ()
    half, most, nearly_all = percentiles(Counter({40: 50, 60: 45, 80: 5}))
    assert half < most < nearly_all
    assert percentiles(Counter({40: 100})) == (half, half, half)


# --- plots ---------------------------------------------------------------------------------


def plot(shape: Shape, *values: tuple[float | None, ...]) -> str:
    labels = tuple(f"series {number}" for number in range(len(values)))
    made = Plot('A "title" <b>', "unit", labels, values, shape, lambda value: f"{value:,.0f}")
    return render(made, 0, MINUTE_US)


def test_bars_stand_on_each_other_up_to_the_scale() -> None:
    drawn = plot(Shape.STACKED, (10.0, None, 0.0), (30.0, 7.0, 0.0))
    parsed(drawn)
    assert drawn.count("<rect") == 3
    assert ">40</text>" in drawn
    assert "&lt;b&gt;" in drawn
    assert parsed(plot(Shape.STACKED, (0.0, 0.0))).seen["rect"] == 0


def test_lines_are_broken_where_there_is_nothing() -> None:
    drawn = plot(Shape.LINES, (5.0, 50.0, None, 500.0))
    assert (drawn.count("<polyline"), drawn.count("<circle")) == (1, 1)
    assert "nan" not in drawn
    parsed(plot(Shape.LINES, (None, None)))
    assert parsed(plot(Shape.LINES, (0.0, 1.0))).seen["polyline"] == 1


def test_findings_name_who_is_shown_at_fault_and_who_is_not() -> None:
    finding = next(one for one in telling().report.findings if one.check is Check.UNANSWERED)
    assert finding.verdict is Verdict.INDETERMINATE
    assert finding.blame == "fault not shown: XA, XB"
