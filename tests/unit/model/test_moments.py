"""Times as people and other programs write them."""

import pytest

from node.errors import Code, Refusal
from node.model.moments import DAY_US, day_text, moment_text, parse_as_of, parse_moment, rfc3339
from node.model.occupations import ISCO08
from tests.federation import START


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T09:00:00Z",
        "2026-11-23t09:00:00z",
        "2026-11-23T10:30:00+01:30",
        "2026-11-23T09:00:00.000000Z",
        "2026-11-23T08:59:60Z",
    ],
)
def test_reads_a_time_however_rfc_3339_writes_it(text: str) -> None:
    assert parse_moment(text, "time") == START


@pytest.mark.parametrize(
    "text", ["", "2026-11-23", "2026-11-23T09:00:00", "2026-02-31T09:00:00Z", "now", "20261123"]
)
def test_refuses_what_is_no_time(text: str) -> None:
    with pytest.raises(Refusal, match="time: must be a time like") as refusal:
        parse_moment(text, "time")
    assert refusal.value.code is Code.MALFORMED


def test_a_day_means_its_end_and_today_means_now() -> None:
    now = START
    assert parse_as_of("2026-11-22", "--as-of", now) == START - 9 * 3_600_000_000 - 1
    assert parse_as_of("2026-11-23", "--as-of", now) == now
    assert parse_as_of("2026-11-23T08:00:00Z", "--as-of", now) == START - 3_600_000_000


@pytest.mark.parametrize("text", ["2026-11-24", "2026-11-23T09:00:01Z"])
def test_refuses_a_time_that_has_not_been_yet(text: str) -> None:
    with pytest.raises(Refusal, match="has not been yet"):
        parse_as_of(text, "--as-of", START)


def test_refuses_a_day_that_there_is_not() -> None:
    with pytest.raises(Refusal, match="there is no day 2026-02-30"):
        parse_as_of("2026-02-30", "--as-of", START)


def test_writes_times_and_days_however_far_away() -> None:
    assert (moment_text(START), day_text(START)) == ("2026-11-23 09:00 UTC", "2026-11-23")
    assert rfc3339(START + 999_999) == "2026-11-23T09:00:00Z"
    assert day_text(1 << 62) == "9999-12-31"
    assert day_text(-(1 << 62)) == "0001-01-01"
    assert rfc3339(DAY_US) == "1970-01-02T00:00:00Z"


def test_knows_as_many_occupations_as_isco_08_has() -> None:
    assert [sum(len(code) == length for code in ISCO08) for length in (1, 2, 3, 4)] == [
        10,
        43,
        130,
        436,
    ]
    assert {"7", "72", "721", "7212", "0310", "5120"} <= ISCO08
    assert {"7219", "73100", "04", "4"}.isdisjoint(ISCO08 - {"4"})
