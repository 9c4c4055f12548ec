"""Plots as SVG that a page holds inline: no script, no style of their own, nothing fetched.

What colours them are the classes `series-0` to `series-7`, which the page defines.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from html import escape
from math import ceil, floor, log10
from typing import Final

from msgspec import Struct

COLOURS_MAX: Final = 8
_WIDTH: Final = 720
_HEIGHT: Final = 220
_LEFT: Final = 64
_RIGHT: Final = 12
_TOP: Final = 12
_BOTTOM: Final = 30
_INNER_WIDTH: Final = _WIDTH - _LEFT - _RIGHT
_INNER_HEIGHT: Final = _HEIGHT - _TOP - _BOTTOM
_FLOOR: Final = _TOP + _INNER_HEIGHT
_TICKS: Final = 4
_LABELS_MAX: Final = 6
_DAY_US: Final = 24 * 60 * 60 * 1_000_000


class Shape(Enum):
    """How values are drawn."""

    STACKED = "stacked"  # bars on top of each other, from zero
    LINES = "lines"  # on a logarithmic scale


class Plot(Struct, frozen=True):
    """What a plot shows.

    Attributes:
        title: one line above it, and what is read aloud in its place.
        unit: of the values, for what is read aloud.
        labels: of the series.
        values: of each series, one for each span of time; None where there is none.
        shape: how they are drawn.
        written: writes a value beside the scale.
    """

    title: str
    unit: str
    labels: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    shape: Shape
    written: Callable[[float], str]


def render(plot: Plot, first_at: int, span_us: int) -> str:
    """Return a plot as one SVG element.

    Args:
        plot: what it shows.
        first_at: when the first span begins, microseconds UTC.
        span_us: the length of a span, microseconds.
    """
    count = len(plot.values[0])
    drawn = _stacked(plot, count) if plot.shape is Shape.STACKED else _lines(plot, count)
    times = _times(first_at, span_us, count)
    title = escape(f"{plot.title}, {plot.unit}")
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{title}">'
        f"<title>{title}</title>{''.join(drawn)}{''.join(times)}"
        f'<line class="axis" x1="{_LEFT}" y1="{_FLOOR}" x2="{_WIDTH - _RIGHT}" y2="{_FLOOR}"/>'
        "</svg>"
    )


def _stacked(plot: Plot, count: int) -> list[str]:
    totals = [sum(values[at] or 0 for values in plot.values) for at in range(count)]
    step = _nice(max(totals) / _TICKS) if any(totals) else 1.0
    top = step * max(ceil(max(totals) / step), 1)
    drawn = []
    for tick in range(round(top / step) + 1):
        drawn += _rule(_FLOOR - tick * step / top * _INNER_HEIGHT, plot.written(tick * step))
    width = _INNER_WIDTH / count
    for at in range(count):
        floor_y = float(_FLOOR)
        for number, values in enumerate(plot.values):
            value = values[at] or 0
            if not value:
                continue
            height = value / top * _INNER_HEIGHT
            floor_y -= height
            drawn.append(
                f'<rect class="series-{number % COLOURS_MAX}" x="{_LEFT + at * width:.1f}" '
                f'y="{floor_y:.1f}" width="{max(width * 0.9, 0.5):.1f}" height="{height:.1f}"/>'
            )
    return drawn


def _lines(plot: Plot, count: int) -> list[str]:
    known = [value for values in plot.values for value in values if value is not None]
    positive = [value for value in known if value > 0] or [1.0]
    low, high = floor(log10(min(positive))), ceil(log10(max(positive)))
    high = max(high, low + 1)

    def height(value: float) -> float:
        share = (log10(max(value, 10**low)) - low) / (high - low)
        return _FLOOR - share * _INNER_HEIGHT

    drawn = []
    for decade in range(low, high + 1):
        drawn += _rule(height(10**decade), plot.written(10**decade))
    width = _INNER_WIDTH / count
    for number, values in enumerate(plot.values):
        colour = f"series-{number % COLOURS_MAX}"
        for run in _runs(values):
            points = [(_LEFT + (at + 0.5) * width, height(value)) for at, value in run]
            if len(points) == 1:
                x, y = points[0]
                drawn.append(f'<circle class="{colour}" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>')
            else:
                joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
                drawn.append(f'<polyline class="line {colour}" points="{joined}"/>')
    return drawn


def _runs(values: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    """Return what stands together without a gap."""
    runs: list[list[tuple[int, float]]] = []
    before: float | None = None
    for at, value in enumerate(values):
        if value is not None:
            if before is None:
                runs.append([])
            runs[-1].append((at, value))
        before = value
    return runs


def _rule(y: float, text: str) -> list[str]:
    return [
        f'<line class="rule" x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}"/>',
        f'<text class="end" x="{_LEFT - 6}" y="{y + 4:.1f}">{escape(text)}</text>',
    ]


def _times(first_at: int, span_us: int, count: int) -> list[str]:
    labels = min(_LABELS_MAX, count)
    pattern = "%Y-%m-%d" if span_us * count > labels * _DAY_US else "%m-%d %H:%M"
    width = _INNER_WIDTH / count
    drawn = []
    for label in range(labels):
        at = label * count // labels
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=first_at + at * span_us)
        drawn.append(
            f'<text x="{_LEFT + at * width:.1f}" y="{_FLOOR + 18}">{moment:{pattern}}</text>'
        )
    return drawn


def _nice(step: float) -> float:
    """Return the next of 1, 2, 5, 10, 20, 50 …, which people read with ease; at least one."""
    power = 10.0 ** floor(log10(step)) if step > 1 else 1.0
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= step)
