import pytest

from node.model.quota import Allowance, Bucket

_SECOND_US = 1_000_000
_ALLOWANCE = Allowance(burst=3.0, per_s=2.0)


def test_a_new_bucket_gives_its_burst_and_no_more() -> None:
    bucket = Bucket(_ALLOWANCE, 0)
    for _ in range(3):
        assert bucket.wait_s(0) == 0.0
        bucket.charge(1.0, 0)
    assert bucket.wait_s(0) == 0.5


def test_tokens_come_back_with_time_up_to_the_burst() -> None:
    bucket = Bucket(_ALLOWANCE, 0)
    bucket.charge(3.0, 0)
    assert bucket.wait_s(_SECOND_US // 4) == pytest.approx(0.25)
    assert bucket.wait_s(_SECOND_US // 2) == 0.0
    bucket.charge(3.0, 1_000 * _SECOND_US)
    assert bucket.wait_s(1_000 * _SECOND_US) == 0.5


def test_a_debt_is_waited_off() -> None:
    bucket = Bucket(_ALLOWANCE, 0)
    bucket.charge(23.0, 0)
    assert bucket.wait_s(0) == 10.5
    assert bucket.wait_s(10 * _SECOND_US) == 0.5
    assert bucket.wait_s(11 * _SECOND_US) == 0.0


def test_waiting_alone_costs_no_token() -> None:
    bucket = Bucket(_ALLOWANCE, 0)
    for _ in range(100):
        assert bucket.wait_s(0) == 0.0


def test_a_clock_that_steps_back_refills_nothing_twice() -> None:
    bucket = Bucket(_ALLOWANCE, 10 * _SECOND_US)
    bucket.charge(3.0, 10 * _SECOND_US)
    assert bucket.wait_s(0) == 0.5
    assert bucket.wait_s(10 * _SECOND_US) == 0.5
    assert bucket.wait_s(10 * _SECOND_US + _SECOND_US // 2) == 0.0


def test_tells_when_it_is_like_a_new_one() -> None:
    bucket = Bucket(_ALLOWANCE, 0)
    assert bucket.full_at == 0
    bucket.charge(2.0, 0)
    assert bucket.full_at == _SECOND_US
    bucket.charge(0.0, _SECOND_US)
    assert bucket.full_at == _SECOND_US
