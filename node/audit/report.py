"""One report of all audits: its findings, each with the commands that show it again; its figures.

The same journals give the same bytes: nothing in it tells when or where it was made.
"""

from collections.abc import Iterable, Sequence
from shlex import quote
from typing import Any, Final

from msgspec import Struct

from node import __version__
from node.audit.findings import Check, Finding, render_json
from node.audit.inquest import Found
from node.audit.plots import COLOURS_MAX, Plot, Shape
from node.audit.series import Row, rows

ROWS_MAX: Final = 96
"""How many spans of time a plot has at most."""

_RECONCILED: Final = frozenset(
    {
        Check.UNANSWERED,
        Check.UNASKED,
        Check.ANSWERS_DIFFER,
        Check.LEFT_OUT,
        Check.DEADLINE,
        Check.CLOCKS,
        Check.LIST_LEFT,
    }
)
_OF_THE_REGISTRY: Final = frozenset(
    {
        Check.AWARD_DATE,
        Check.LATE_AWARD,
        Check.EDITED,
        Check.BURST,
        Check.ISSUER,
        Check.CODE_BURST,
    }
)


class Told(Struct, frozen=True):
    """How the audit was told what to do, for the commands that do it again.

    Attributes:
        paths: of the journals, in order: files, or data directories of nodes.
        directories: those of the paths that are data directories of nodes.
        roots: of the federations' roots; none where the data directories' own count.
        late_after_days: how long after its date an award may enter the registry.
        identities: files with what opens the packs that are encrypted.
    """

    paths: Sequence[str]
    directories: frozenset[str]
    roots: Sequence[str]
    late_after_days: int
    identities: Sequence[str] = ()


def render_report(found: Found, told: Told) -> dict[str, Any]:
    """Return the report as what a JSON encoder takes."""
    content = render_json(found.report)
    for rendered, finding in zip(content["findings"], found.report.findings, strict=True):
        rendered["commands"] = commands(finding, found, told)
    span_us, spans = rows(found.series, ROWS_MAX)
    content["made_with"] = f"symbolon {__version__}"
    content["series"] = {
        "span_s": span_us // 1_000_000,
        "spans": [
            {
                "at_s": row.at // 1_000_000,
                "counts": [
                    {"node": node, "what": what, "times": times}
                    for (node, what), times in row.counts.items()
                ],
                "latency_us": dict(zip(("p50", "p95", "p99"), row.latency_us, strict=False)),
            }
            for row in spans
        ],
    }
    return content


def commands(finding: Finding, found: Found, told: Told) -> list[str]:
    """Return the commands that make a finding again and show the entries that it names."""
    listed = " ".join(map(quote, told.paths))
    opened = "".join(f" --identity {quote(one)}" for one in told.identities)
    roots = "".join(f" --root {quote(root)}" for root in told.roots) + opened
    if finding.check in _RECONCILED:
        command = f"symbolon audit reconcile {listed}{roots}"
    elif finding.check in _OF_THE_REGISTRY:
        late = f" --late-after-days {told.late_after_days}"
        command = f"symbolon audit registry {listed}{roots}{late}"
    else:
        command = f"symbolon audit replay {listed}{roots}"
    shown = [f"{command} --check {finding.check}"]
    for place in (finding.place, *finding.beside):
        for number, journal in zip(found.given, found.report.journals, strict=True):
            if journal.origin == place.journal and place.index is not None:
                shown.append(_show(told.paths[number], place.index, told))
                break
    return shown


def _show(path: str, index: int, told: Told) -> str:
    which = f"--from {index} --limit 1 --content"
    if path in told.directories:
        return f"symbolon --data {quote(path)} journal show {which} --for audit"
    opened = "".join(f" --identity {quote(one)}" for one in told.identities)
    return f"symbolon audit show {quote(path)} {which}{opened}"


def plots(found: Found) -> tuple[int, int, list[Plot]]:
    """Return the plots of a report, with when their first span begins and how long each is."""
    span_us, spans = rows(found.series, ROWS_MAX)
    if not spans:
        return 0, span_us, []
    made = [
        _counted("Traffic", "a span of time", spans, _traffic),
        _latency(spans),
        _counted("Outcomes of answers", "a span of time", spans, _outcome),
        _counted("Refusals, and questions without an answer", "a span of time", spans, _refusal),
    ]
    return spans[0].at, span_us, [plot for plot in made if plot.values]


def _traffic(node: str, what: str) -> str:
    return f"{node} {'asked' if what == 'asked' else 'answered'}" if _is_traffic(what) else ""


def _is_traffic(what: str) -> bool:
    return what == "asked" or what.startswith("answer: ")


def _outcome(_node: str, what: str) -> str:
    name = what.removeprefix("answer: ")
    if name == what:
        return ""
    return "refused" if name.startswith("refused") else name.replace("_", " ")


def _refusal(_node: str, what: str) -> str:
    if what.startswith("no answer: "):
        return what.replace("_", " ")
    if what.startswith("answer: refused: "):
        return what.removeprefix("answer: ").replace("_", " ")
    return ""


def _counted(title: str, unit: str, spans: Sequence[Row], label: Any) -> Plot:  # noqa: ANN401
    """Return a plot of what has a label, by label; those beyond the colours are taken together."""
    totals: dict[str, int] = {}
    for row in spans:
        for (node, what), times in row.counts.items():
            if name := label(node, what):
                totals[name] = totals.get(name, 0) + times
    names = sorted(totals, key=lambda name: (-totals[name], name))
    if len(names) > COLOURS_MAX:
        names = [*names[: COLOURS_MAX - 1], "others"]
    counted: dict[str, list[float]] = {name: [0.0] * len(spans) for name in names}
    for at, row in enumerate(spans):
        for (node, what), times in row.counts.items():
            if name := label(node, what):
                counted[name if name in counted else "others"][at] += times
    values = tuple(tuple(series) for series in counted.values())
    return Plot(title, unit, tuple(names), values, Shape.STACKED, lambda value: f"{value:,.0f}")


def _latency(spans: Sequence[Row]) -> Plot:
    labels: tuple[str, ...] = ("half of them within", "95 of 100 within", "99 of 100 within")
    if not any(row.latency_us for row in spans):
        labels = ()
    values = tuple(_of(spans, number) for number in range(len(labels)))
    title = "Time from question to conclusion"
    return Plot(title, "logarithmic", labels, values, Shape.LINES, _in_time)


def _of(spans: Iterable[Row], number: int) -> tuple[float | None, ...]:
    return tuple(row.latency_us[number] if row.latency_us else None for row in spans)


def _in_time(value_us: float) -> str:
    for size_us, unit in ((1_000_000, "s"), (1_000, "ms")):
        if value_us >= size_us:
            return f"{value_us / size_us:,.0f} {unit}"
    return f"{value_us:,.0f} µs"
