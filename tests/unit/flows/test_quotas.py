"""Quotas by asker: who is in debt waits it off, and who is not costs nothing to keep."""

import pytest

from node.errors import Code, Refusal
from node.flows.quotas import Quotas
from node.model.quota import Allowance, Bucket

_SECOND_US = 1_000_000
_NOW = 1_000 * _SECOND_US
_ALLOWANCE = Allowance(burst=3.0, per_s=2.0)


def _wait_s(quotas: Quotas, asker: str | bytes, now: int = _NOW) -> float:
    """Return how long an asker is told to wait, 0.0 where it may ask."""
    try:
        quotas.require(asker, now)
    except Refusal as refusal:
        return refusal.retry_after_s or -1.0
    return 0.0


def test_each_asker_may_take_its_burst_and_no_more() -> None:
    quotas = Quotas(_ALLOWANCE)
    for _ in range(3):
        quotas.take("one", _NOW)
    with pytest.raises(Refusal) as refusal:
        quotas.take("one", _NOW)
    assert refusal.value.code is Code.BUSY
    assert refusal.value.retry_after_s == 0.5
    quotas.take("another", _NOW)
    quotas.take("one", _NOW + _SECOND_US // 2)


def test_a_refused_asker_is_not_charged_for_it() -> None:
    quotas = Quotas(_ALLOWANCE)
    quotas.charge("one", 3.0, _NOW)
    for _ in range(100):
        with pytest.raises(Refusal):
            quotas.take("one", _NOW)
    assert _wait_s(quotas, "one") == 0.5


def test_to_require_tokens_takes_none_of_them() -> None:
    quotas = Quotas(_ALLOWANCE)
    quotas.charge("one", 2.0, _NOW)
    for _ in range(10):
        quotas.require("one", _NOW)
        quotas.require("never seen", _NOW)
    quotas.take("one", _NOW)
    assert _wait_s(quotas, "one") == 0.5


def test_who_is_charged_into_debt_waits_it_off() -> None:
    quotas = Quotas(_ALLOWANCE)
    quotas.charge("one", 23.0, _NOW)
    assert _wait_s(quotas, "one") == 10.5
    assert _wait_s(quotas, "one", _NOW + 10 * _SECOND_US) == 0.5
    quotas.take("one", _NOW + 11 * _SECOND_US)


def test_names_and_digests_of_askers_are_told_apart() -> None:
    quotas = Quotas(_ALLOWANCE)
    quotas.charge(b"one", 9.0, _NOW)
    assert _wait_s(quotas, "one") == 0.0
    assert _wait_s(quotas, b"one") > 0.0


def test_who_is_in_debt_is_remembered_through_many_sweeps() -> None:
    quotas = Quotas(_ALLOWANCE)
    quotas.charge("in debt", 2_000.0, _NOW)
    for number in range(30_000):
        # Each has its token back before the next but some thousand comes.
        quotas.charge(f"passing {number}", 1.0, _NOW + number * 1_000)
    assert _wait_s(quotas, "in debt", _NOW + 30 * _SECOND_US) == pytest.approx(969.0)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count how often sweeps look at a bucket; the last number is the count."""
    counted = [0]
    original: property = vars(Bucket)["full_at"]

    def full_at(bucket: Bucket) -> int:
        counted[0] += 1
        found: int = original.__get__(bucket)
        return found

    monkeypatch.setattr(Bucket, "full_at", property(full_at))
    return counted


def test_sweeps_cost_each_asker_a_constant_share_though_all_are_in_debt(looks: list[int]) -> None:
    quotas = Quotas(_ALLOWANCE)
    for number in range(40_000):
        quotas.charge(f"in debt {number}", 1_000.0, _NOW)
    assert 0 < looks[0] <= 2 * 40_000
    assert _wait_s(quotas, "in debt 0") > 0.0


def test_sweeps_cost_each_asker_a_constant_share_though_all_are_passing(looks: list[int]) -> None:
    quotas = Quotas(_ALLOWANCE)
    for number in range(40_000):
        quotas.charge(f"passing {number}", 1.0, _NOW + number * _SECOND_US)
    assert 0 < looks[0] <= 2 * 40_000


def test_the_oldest_askers_are_forgotten_first_where_too_many_are_in_debt() -> None:
    quotas = Quotas(_ALLOWANCE)
    for number in range(270_000):
        quotas.charge(number.to_bytes(4), 1_000.0, _NOW)
    assert _wait_s(quotas, (0).to_bytes(4)) == 0.0
    assert _wait_s(quotas, (269_999).to_bytes(4)) > 0.0


def test_however_many_askers_are_in_debt_only_so_many_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("node.flows.quotas._SWEPT_OVER", 64)
    monkeypatch.setattr("node.flows.quotas._MOST", 1024)
    quotas = Quotas(Allowance(burst=3.0, per_s=2.0))
    names = [f"asker {number}" for number in range(10_000)]
    for name in names:
        quotas.charge(name, 1_000.0, 0)
    in_debt = 0
    for name in names:
        try:
            quotas.require(name, 0)
        except Refusal:
            in_debt += 1
    assert 0 < in_debt <= 1024
