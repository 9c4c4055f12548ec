"""Counts over time, for plots: what was asked and answered, how it ended, how long it took.

Times are gathered in spans of one minute, doubled until they are few; so memory stays small, and
the same journals give the same spans in whatever order they are read.
"""

from collections import Counter
from typing import Final

from msgspec import Struct

SPANS_MAX: Final = 1024
_MINUTE_US: Final = 60 * 1_000_000
_STEPS_PER_DOUBLING: Final = 4


class Series:
    """How often what happened at which node in each span of time, and how long exchanges took.

    Attributes:
        doublings: how often the span of one minute was doubled.
        counts: by span, node and what happened.
        latencies: by span, asking node and step of the latency, four steps to each doubling.
    """

    def __init__(self) -> None:
        """Begin with nothing counted."""
        self.doublings = 0
        self.counts: Counter[tuple[int, str, str]] = Counter()
        self.latencies: Counter[tuple[int, str, int]] = Counter()
        self._spans: set[int] = set()

    @property
    def span_us(self) -> int:
        """Return the length of a span, in microseconds."""
        return _MINUTE_US << self.doublings

    def count(self, at: int, node: str, what: str) -> None:
        """Count what happened at a time, microseconds UTC."""
        span = self._span(at)  # which may gather what was counted anew
        self.counts[span, node, what] += 1

    def took(self, at: int, node: str, latency_us: int) -> None:
        """Count an exchange, asked at a time, by how long it took."""
        span = self._span(at)
        self.latencies[span, node, _step(latency_us)] += 1

    def merge(self, other: "Series") -> None:
        """Add what another has counted; the other may be changed."""
        while self.doublings < other.doublings:
            self._double()
        while other.doublings < self.doublings:
            other._double()  # noqa: SLF001 - both of one kind
        self.counts.update(other.counts)
        self.latencies.update(other.latencies)
        self._spans |= {key[0] for key in (*other.counts, *other.latencies)}
        self._bound()

    def _span(self, at: int) -> int:
        span = at // _MINUTE_US >> self.doublings
        if span not in self._spans:
            self._spans.add(span)
            self._bound()
            span = at // _MINUTE_US >> self.doublings
        return span

    def _bound(self) -> None:
        while len(self._spans) > SPANS_MAX:
            self._double()

    def _double(self) -> None:
        self.doublings += 1
        self._spans = {span >> 1 for span in self._spans}
        counts, latencies = self.counts, self.latencies
        self.counts, self.latencies = Counter(), Counter()
        for (span, node, what), times in counts.items():
            self.counts[span >> 1, node, what] += times
        for (span, node, step), times in latencies.items():
            self.latencies[span >> 1, node, step] += times


class Row(Struct, frozen=True):
    """One span of time, for a plot.

    Attributes:
        at: when it begins, microseconds UTC.
        counts: by node and what happened.
        latency_us: the latency that the half, 95 and 99 of 100 exchanges stayed within; empty
            where there was none.
    """

    at: int
    counts: dict[tuple[str, str], int]
    latency_us: tuple[int, ...]


def rows(series: Series, rows_max: int) -> tuple[int, list[Row]]:
    """Return the length of a span in microseconds and all spans from the first to the last.

    Spans are doubled until there are at most `rows_max`; those without anything are there too.
    """
    found = {key[0] for key in (*series.counts, *series.latencies)}
    if not found:
        return series.span_us, []
    first, last, shift = min(found), max(found), 0
    while (last >> shift) - (first >> shift) >= rows_max:
        shift += 1
    span_us = series.span_us << shift
    counts: dict[int, Counter[tuple[str, str]]] = {}
    for (span, node, what), times in series.counts.items():
        counts.setdefault(span >> shift, Counter())[node, what] += times
    latencies: dict[int, Counter[int]] = {}
    for (span, _, step), times in series.latencies.items():
        latencies.setdefault(span >> shift, Counter())[step] += times
    return span_us, [
        Row(
            span * span_us,
            dict(sorted(counts.get(span, Counter()).items())),
            percentiles(latencies.get(span, Counter())),
        )
        for span in range(first >> shift, (last >> shift) + 1)
    ]


def percentiles(steps: Counter[int]) -> tuple[int, ...]:
    """Return within how many microseconds the half, 95 and 99 of 100 stayed; empty for none."""
    total = steps.total()
    if not total:
        return ()
    found = []
    for share in (0.5, 0.95, 0.99):
        passed = 0
        for step in sorted(steps):
            passed += steps[step]
            if passed >= share * total:
                bits, quarter = divmod(step, _STEPS_PER_DOUBLING)
                found.append((_STEPS_PER_DOUBLING + quarter + 1 << bits) // _STEPS_PER_DOUBLING)
                break
    return tuple(found)


def _step(latency_us: int) -> int:
    """Return the step of a latency: four to each doubling, so within a fifth of what it was."""
    if latency_us <= 1:
        return 0
    bits = latency_us.bit_length() - 1
    # The first two bits after the leading one tell the quarter, in whole numbers everywhere.
    return bits * _STEPS_PER_DOUBLING + ((latency_us << 2 >> bits) & 3)
