"""The report for people: one HTML file that needs nothing else, on a screen and on paper.

It holds no script, fetches nothing, and forbids both by its content security policy; its one style
is allowed by digest. Whatever comes from a journal or a file name is escaped and keeps its own
direction of writing.
"""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from html import escape
from itertools import groupby
from typing import Final

from node import __version__
from node.audit.findings import TITLES, CheckCount, Finding, JournalSummary
from node.audit.inquest import Found
from node.audit.plots import Plot, render
from node.audit.report import Told, commands, plots

# Colours: Okabe and Ito, told apart by nearly everybody.
_STYLE: Final = """
:root { color-scheme: light; --ink: #1b1b1b; --pale: #666; --line: #d8d8d8; --wash: #f6f6f4; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 60rem; color: var(--ink);
  background: #fff; font: 16px/1.5 system-ui, "Noto Sans", "Segoe UI", Arial, sans-serif; }
h1 { font-size: 1.7rem; margin-block: 0 .25rem; }
h2 { font-size: 1.2rem; margin-block: 2.5rem .75rem; border-block-end: 1px solid var(--line); }
h3 { font-size: 1rem; margin-block: 1.5rem .25rem; }
p { margin-block: .5rem; }
.pale { color: var(--pale); }
.verdict { display: inline-block; padding-inline: .5rem; border-radius: .2rem; color: #fff;
  font-weight: 600; font-size: .85rem; white-space: nowrap; }
.PASS { background: #00664b; } .FAIL { background: #b03a00; }
.INDETERMINATE { background: #6b5900; }
.whole { border: 1px solid var(--line); border-inline-start-width: .4rem; padding: .75rem 1rem;
  background: var(--wash); margin-block: 1rem; }
table { border-collapse: collapse; inline-size: 100%; font-size: .92rem; }
th, td { text-align: start; padding: .3rem .6rem .3rem 0; vertical-align: top;
  border-block-end: 1px solid var(--line); }
th { font-weight: 600; }
td.number, th.number { text-align: end; font-variant-numeric: tabular-nums; }
ol { padding-inline-start: 2.2rem; } li { margin-block-end: .6rem; break-inside: avoid; }
.place { font-weight: 600; overflow-wrap: anywhere; }
code { display: block; direction: ltr; unicode-bidi: isolate; text-align: left; margin-block: .2rem;
  padding: .2rem .5rem; background: var(--wash); overflow-wrap: anywhere;
  font: .82rem/1.45 ui-monospace, "Noto Sans Mono", Menlo, Consolas, monospace; }
figure { margin: 1rem 0 1.5rem; break-inside: avoid; } figcaption { font-weight: 600; }
svg { display: block; inline-size: 100%; block-size: auto; direction: ltr; }
svg text { font-size: 11px; fill: var(--pale); } svg .end { text-anchor: end; }
.rule { stroke: var(--line); } .axis { stroke: var(--ink); }
.line { fill: none !important; stroke-width: 2; }
.key { display: inline-flex; align-items: center; margin-inline-end: 1.2rem; font-size: .88rem; }
.key svg { inline-size: .8rem; block-size: .8rem; margin-inline-end: .35rem; }
.series-0 { fill: #0072b2; stroke: #0072b2; } .series-1 { fill: #e69f00; stroke: #e69f00; }
.series-2 { fill: #009e73; stroke: #009e73; } .series-3 { fill: #cc79a7; stroke: #cc79a7; }
.series-4 { fill: #56b4e9; stroke: #56b4e9; } .series-5 { fill: #d55e00; stroke: #d55e00; }
.series-6 { fill: #999999; stroke: #999999; } .series-7 { fill: #f0e442; stroke: #b8ad00; }
rect[class^="series"] { stroke: none; }
@page { size: A4; margin: 16mm; }
@media print { body { padding: 0; max-width: none; font-size: 10pt; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } h2 { break-after: avoid; } }
"""
_DIGEST: Final = b64encode(sha256(_STYLE.encode()).digest()).decode()
_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'"
)
_MEANINGS: Final = {
    "PASS": "Every check was made and held.",
    "FAIL": "At least one check was made and did not hold.",
    "INDETERMINATE": "No check failed, but some could not be made, or need an auditor's eye.",
}


def render_html(found: Found, told: Told) -> str:
    """Return the report as one HTML document."""
    report = found.report
    verdict = report.verdict.value
    names = ", ".join(dict.fromkeys(journal.node for journal in report.journals)) or "no journal"
    parts = [
        '<!DOCTYPE html><html lang="en" dir="ltr"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer">',
        f"<title>Audit of {escape(names)}: {verdict}</title><style>{_STYLE}</style></head><body>",
        f"<h1>Audit of {_own(names)}</h1>",
        '<p class="pale">Every check is listed, and every finding, not only the first.',
        f"Made with symbolon {escape(__version__)}.</p>",
        f'<div class="whole"><p>{_verdict(verdict)} {escape(_MEANINGS[verdict])}</p>',
        f"<p>{escape(report.totals)}.",
        '<a href="#findings">Findings</a>, <a href="#checks">checks</a>.</p></div>',
        *_journals(report.journals),
        *(f"<p>{_own(note)}</p>" for note in report.notes),
        *_plots(found),
        *_findings(report.findings, found, told),
        *_checks(report.checks),
        "</body></html>\n",
    ]
    return "\n".join(parts)


def _own(text: object) -> str:
    """Escape what is not ours and keep its own direction of writing."""
    return f"<bdi>{escape(str(text))}</bdi>"


def _verdict(verdict: str) -> str:
    return f'<span class="verdict {verdict}">{verdict}</span>'


def _journals(journals: Sequence[JournalSummary]) -> Iterable[str]:
    yield "<h2>Journals</h2><table><thead><tr><th>Node</th><th>Journal</th>"
    yield '<th class="number">Entries</th><th class="number">Under a seal</th>'
    yield '<th class="number">Answers</th><th class="number">Conclusions</th></tr></thead><tbody>'
    for journal in journals:
        yield f"<tr><td>{_own(journal.node)}</td><td>{_own(journal.origin)}</td>"
        for number in (journal.entries, journal.size, journal.answers, journal.conclusions):
            yield f'<td class="number">{number:,}</td>'
        yield "</tr>"
    yield "</tbody></table>"


def _findings(findings: Sequence[Finding], found: Found, told: Told) -> Iterable[str]:
    yield '<h2 id="findings">Findings</h2>'
    if not findings:
        yield "<p>None.</p>"
        return
    yield '<p class="pale">The gravest first, each with the commands that show it again.</p>'
    number = 1
    for (verdict, check), alike in groupby(findings, key=lambda one: (one.verdict, one.check)):
        some = list(alike)
        again, *_ = commands(some[0], found, told)
        yield f"<h3>{_verdict(verdict.value)} {escape(check.value)} ({len(some):,})</h3>"
        yield f'<p class="pale">Checked: {escape(TITLES[check])}.</p><code>{escape(again)}</code>'
        yield f'<ol start="{number}">'
        for finding in some:
            yield from _finding(finding, commands(finding, found, told)[1:])
        yield "</ol>"
        number += len(some)
    if found.report.omission:
        yield f"<p>{escape(found.report.omission)}</p>"


def _finding(finding: Finding, shown_by: Iterable[str]) -> Iterable[str]:
    yield f'<li><div class="place">{_own(finding.place)}</div><div>{_own(finding.sentence)}</div>'
    if finding.times > 1:
        until = f", up to {_own(finding.beside[-1])}" if finding.beside else ""
        yield f"<div>{finding.times:,} times{until}</div>"
    elif finding.beside:
        yield f'<div class="pale">beside {", ".join(map(_own, finding.beside))}</div>'
    if finding.blame:
        yield f"<div>{_own(finding.blame)}</div>"
    for command in shown_by:
        yield f"<code>{escape(command)}</code>"
    yield "</li>"


def _plots(found: Found) -> Iterable[str]:
    first_at, span_us, made = plots(found)
    if not made:
        return
    span = timedelta(microseconds=span_us)
    since = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=first_at)
    yield "<h2>Over time</h2>"
    yield f'<p class="pale">Times are UTC, from {since:%Y-%m-%d %H:%M} on; each span of time '
    yield f"is {escape(str(span))} (h:mm:ss).</p>"
    for plot in made:
        yield f"<figure><figcaption>{escape(plot.title)}</figcaption>"
        yield from _keys(plot)
        yield render(plot, first_at, span_us)
        yield "</figure>"


def _keys(plot: Plot) -> Iterable[str]:
    for number, label in enumerate(plot.labels):
        yield (
            '<span class="key"><svg viewBox="0 0 10 10" aria-hidden="true">'
            f'<rect class="series-{number}" width="10" height="10"/></svg>{_own(label)}</span>'
        )


def _checks(checks: Sequence[CheckCount]) -> Iterable[str]:
    yield '<h2 id="checks">Checks</h2><table><thead><tr><th>Verdict</th><th>Check</th>'
    yield '<th class="number">Held</th><th class="number">Failed</th>'
    yield '<th class="number">Open</th></tr></thead><tbody>'
    for count in checks:
        yield f"<tr><td>{_verdict(count.verdict.value)}</td><td>{escape(TITLES[count.check])}</td>"
        for number in (count.passed, count.failed, count.undetermined):
            yield f'<td class="number">{number:,}</td>'
        yield "</tr>"
    yield "</tbody></table>"
