"""What Prometheus is told."""

from collections import Counter

from prometheus_client.parser import text_string_to_metric_families

from node.edge.metrics import Gauges, Metrics
from node.model.expiry import Expiry
from tests.world import DAY_US, START, FakeClock, FixedTrust


class _Counted:
    def __init__(self) -> None:
        self.asked: Counter[tuple[str, str]] = Counter()
        self.answered: Counter[tuple[str, str]] = Counter()
        self.gauges = Gauges(0, 0)
        self.trust = FixedTrust()
        self.clock = FakeClock()
        self.metrics = Metrics(
            asked=self.asked,
            answered=self.answered,
            gauges=self.measure,
            trust=self.trust,
            clock=self.clock,
        )

    async def measure(self) -> Gauges:
        return self.gauges

    async def read(self, name: str, /, **labels: str) -> float | None:
        """Scrape, and return one sample."""
        text = (await self.metrics.text()).decode()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == name and sample.labels == labels:
                    return sample.value
        return None


async def test_reads_the_tallies_when_it_is_scraped() -> None:
    counted = _Counted()
    counted.asked["outcome", "confirmed"] += 2
    counted.answered["refusal", "busy"] += 3
    assert await counted.read("symbolon_asked_total", kind="outcome", value="confirmed") == 2
    assert await counted.read("symbolon_answered_total", kind="refusal", value="busy") == 3
    counted.asked["outcome", "confirmed"] += 1
    assert await counted.read("symbolon_asked_total", kind="outcome", value="confirmed") == 3


async def test_tells_heights_as_they_are_now() -> None:
    counted = _Counted()
    counted.gauges = Gauges(journal_size=41, open_questions=2)
    counted.clock.advance(60)
    assert await counted.read("symbolon_journal_size") == 41
    assert await counted.read("symbolon_open_questions") == 2
    assert await counted.read("symbolon_trust_list_version") == 1
    assert await counted.read("symbolon_trust_list_expires_in_seconds") == 30 * DAY_US / 1e6 - 60


async def test_tells_how_fresh_the_trust_list_is_and_what_ends_when() -> None:
    counted = _Counted()
    assert await counted.read("symbolon_trust_list_age_seconds") is None
    end = Expiry("role", "country-XB", START + DAY_US, DAY_US)
    counted.gauges = Gauges(
        0, 0, trust_age_us=5_000_000, trust_failures=3, trust_faults=2, ends=[end]
    )
    counted.clock.advance(60)
    assert await counted.read("symbolon_trust_list_age_seconds") == 5
    assert await counted.read("symbolon_trust_refresh_failures") == 3
    assert await counted.read("symbolon_trust_list_faults") == 2
    ends_in = await counted.read("symbolon_expires_in_seconds", kind="role", name="country-XB")
    assert ends_in == DAY_US / 1e6 - 60


async def test_counts_requests_by_route_and_status() -> None:
    counted = _Counted()
    counted.metrics.observe("/a", 200, 0.0)
    counted.metrics.observe("/a", 200, 0.0)
    counted.metrics.observe("/a", 404, 0.0)
    assert await counted.read("symbolon_http_requests_total", route="/a", status="200") == 2
    assert await counted.read("symbolon_http_requests_total", route="/a", status="404") == 1


async def test_sorts_latencies_into_buckets_that_include_their_bound() -> None:
    counted = _Counted()
    for elapsed_s in (0.001, 0.002, 60.0):
        counted.metrics.observe("/a", 200, elapsed_s)
    name = "symbolon_http_request_seconds"
    assert await counted.read(f"{name}_bucket", route="/a", le="0.001") == 1
    assert await counted.read(f"{name}_bucket", route="/a", le="0.0025") == 2
    assert await counted.read(f"{name}_bucket", route="/a", le="10.0") == 2
    assert await counted.read(f"{name}_bucket", route="/a", le="+Inf") == 3
    assert await counted.read(f"{name}_count", route="/a") == 3
    assert await counted.read(f"{name}_sum", route="/a") == 60.003


async def test_tells_how_much_memory_the_node_uses() -> None:
    resident = await _Counted().read("process_resident_memory_bytes")
    assert resident is not None
    assert resident > 1_000_000


async def test_tells_what_it_can_before_any_trust_list_is_in_force() -> None:
    counted = _Counted()
    counted.trust._view = None
    assert await counted.read("symbolon_journal_size") == 0
    assert await counted.read("symbolon_trust_list_version") is None
