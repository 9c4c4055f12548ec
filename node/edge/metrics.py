"""What a node counts, for Prometheus: read from plain counters when it is asked, not before."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Final

from msgspec import Struct
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

import node
from node.errors import Refusal
from node.flows.ports import Clock, Trust
from node.model.expiry import Expiry

CONTENT_TYPE: Final = "text/plain; version=1.0.0; charset=utf-8"
Tally = Mapping[tuple[str, str], int]

_BOUNDS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_BOUNDS_TEXT: Final = (*map(str, _BOUNDS_S), "+Inf")


class Gauges(Struct, frozen=True):
    """What stands at some height now.

    Attributes:
        journal_size: statements in the journal.
        open_questions: questions that wait for an answer.
        trust_age_us: since a refresh last went well; None where none has yet.
        trust_failures: refreshes that have failed since then.
        trust_faults: countries that are left out of the list in force.
        ends: the end of everything in that list that has one.
        cosigned_size: size of the newest own checkpoint with enough witnesses.
        forked_journals: of peers.
        journals_behind: of peers, whose head is smaller than one shown before.
        journals_unproved: of peers, whose checkpoints could not be proved to be of one tree.
        case_limits: time limits of cases that this authority has to keep, by how they stand.
    """

    journal_size: int
    open_questions: int
    trust_age_us: int | None = None
    trust_failures: int = 0
    trust_faults: int = 0
    ends: Sequence[Expiry] = ()
    cosigned_size: int = 0
    forked_journals: int = 0
    journals_behind: int = 0
    journals_unproved: int = 0
    case_limits: Mapping[str, int] = {}


class Metrics(Collector):
    """Counts the requests that it is told of, and gathers the rest at scrape time."""

    def __init__(
        self,
        *,
        asked: Tally,
        answered: Tally,
        gauges: Callable[[], Awaitable[Gauges]],
        trust: Trust,
        clock: Clock,
    ) -> None:
        """Take the tallies of both flows, and where to read the heights."""
        self._asked = asked
        self._answered = answered
        self._gauges = gauges
        self._trust = trust
        self._clock = clock
        self._heights = Gauges(0, 0)
        self._requests: Counter[tuple[str, int]] = Counter()
        self._counts: dict[str, list[int]] = {}
        self._sums_s: dict[str, float] = {}
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def observe(self, route: str, status: int, elapsed_s: float) -> None:
        """Count one request; `route` is a pattern, never a path with an id."""
        self._requests[route, status] += 1
        counts = self._counts.get(route)
        if counts is None:
            counts = self._counts[route] = [0] * len(_BOUNDS_TEXT)
            self._sums_s[route] = 0.0
        counts[bisect_left(_BOUNDS_S, elapsed_s)] += 1
        self._sums_s[route] += elapsed_s

    async def text(self) -> bytes:
        """Return everything in Prometheus text format (`CONTENT_TYPE`)."""
        self._heights = await self._gauges()
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Yield what is counted, for prometheus-client."""
        yield _tally("symbolon_asked", "Questions of this node, by how they ended", self._asked)
        yield _tally(
            "symbolon_answered", "Questions of other nodes, by how they ended", self._answered
        )
        yield GaugeMetricFamily(
            "symbolon_journal_size", "Statements in the journal", self._heights.journal_size
        )
        yield GaugeMetricFamily(
            "symbolon_open_questions",
            "Questions that wait for an answer",
            self._heights.open_questions,
        )
        build = GaugeMetricFamily("symbolon_build", "The version that runs", labels=["version"])
        build.add_metric([node.__version__], 1)
        yield build
        yield self._case_limits()
        yield from self._witnesses()
        yield from self._trust_refresh()
        yield from self._trust_list()
        yield from self._http()

    def _case_limits(self) -> Metric:
        found = GaugeMetricFamily(
            "symbolon_case_limits",
            "Time limits of cases that are near, have passed, or are not known",
            labels=["state"],
        )
        for state in ("near", "passed", "unknown"):
            found.add_metric([state], self._heights.case_limits.get(state, 0))
        return found

    def _witnesses(self) -> Iterator[Metric]:
        heights = self._heights
        yield GaugeMetricFamily(
            "symbolon_cosigned_size",
            "Statements of the journal that enough witnesses have cosigned",
            heights.cosigned_size,
        )
        yield GaugeMetricFamily(
            "symbolon_forked_journals",
            "Peers' journals that are proved to be forked",
            heights.forked_journals,
        )
        yield GaugeMetricFamily(
            "symbolon_journals_behind",
            "Peers whose journal is shorter than they have shown it before",
            heights.journals_behind,
        )
        yield GaugeMetricFamily(
            "symbolon_journals_unproved",
            "Peers that have not proved that their checkpoints are of one journal",
            heights.journals_unproved,
        )

    def _trust_refresh(self) -> Iterator[Metric]:
        if self._heights.trust_age_us is not None:
            yield GaugeMetricFamily(
                "symbolon_trust_list_age_seconds",
                "Time since a refresh of the trust list last went well",
                self._heights.trust_age_us / 1_000_000,
            )
        yield GaugeMetricFamily(
            "symbolon_trust_refresh_failures",
            "Refreshes of the trust list that failed since one went well",
            self._heights.trust_failures,
        )

    def _trust_list(self) -> Iterator[Metric]:
        try:
            trust = self._trust.view()
        except Refusal:  # none is in force yet; readiness says so
            return
        yield GaugeMetricFamily(
            "symbolon_trust_list_version", "Trust list in force", trust.reference.version
        )
        yield GaugeMetricFamily(
            "symbolon_trust_list_expires_in_seconds",
            "Time until the trust list expires; below zero nothing is asked or answered",
            (trust.expires_at - self._clock()) / 1_000_000,
        )
        yield GaugeMetricFamily(
            "symbolon_trust_list_faults",
            "Countries that are left out of the list in force",
            self._heights.trust_faults,
        )
        ends = GaugeMetricFamily(
            "symbolon_expires_in_seconds",
            "Time until a role, or the last key or certificate of a node, expires",
            labels=["kind", "name"],
        )
        for end in self._heights.ends:
            ends.add_metric([end.kind, end.name], (end.at - self._clock()) / 1_000_000)
        yield ends

    def _http(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "symbolon_http_requests", "HTTP requests", labels=["route", "status"]
        )
        for (route, status), count in self._requests.items():
            requests.add_metric([route, str(status)], count)
        yield requests
        seconds = HistogramMetricFamily(
            "symbolon_http_request_seconds", "Time from request to response", labels=["route"]
        )
        for route, counts in self._counts.items():
            buckets = list(zip(_BOUNDS_TEXT, accumulate(counts), strict=True))
            seconds.add_metric([route], buckets, self._sums_s[route])
        yield seconds


def _tally(name: str, documentation: str, tally: Tally) -> Metric:
    family = CounterMetricFamily(name, documentation, labels=["kind", "value"])
    for (kind, value), count in tally.items():
        family.add_metric([kind, value], count)
    return family
