"""Token buckets: how often somebody may do something."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from anselai.entrypoints.http.buckets import Buckets


def test_a_bucket_holds_so_many_at_once_and_then_tells_how_long_to_wait() -> None:
    buckets = Buckets(size=3, per_second=2.0)
    assert [buckets.take("ann", 100.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert buckets.take("ann", 100.0) == pytest.approx(0.5)
    assert buckets.take("ann", 100.4) == pytest.approx(0.1)
    assert buckets.take("ann", 100.5) == 0.0


def test_asking_without_getting_costs_nothing() -> None:
    buckets = Buckets(size=1, per_second=1.0)
    buckets.take("ann", 0.0)
    assert all(buckets.take("ann", 0.5) == pytest.approx(0.5) for _ in range(1000))
    assert buckets.take("ann", 1.0) == 0.0


def test_what_is_charged_beyond_the_size_is_owed_and_looking_takes_nothing() -> None:
    buckets = Buckets(size=2, per_second=1.0)
    assert all(buckets.wait("ann", 0.0) == 0.0 for _ in range(10))
    for _ in range(5):
        buckets.charge("ann", 0.0)
    assert buckets.wait("ann", 0.0) == pytest.approx(4.0)
    assert (buckets.wait("ann", 4.0), buckets.take("ann", 4.0)) == (0.0, 0.0)
    assert buckets.wait("ann", 4.0) == pytest.approx(1.0)


def test_everybody_has_a_bucket_of_their_own() -> None:
    buckets = Buckets(size=1, per_second=1.0)
    assert (buckets.take("ann", 0.0), buckets.take("ben", 0.0)) == (0.0, 0.0)
    assert buckets.take("ann", 0.0) > 0


def test_what_is_put_back_may_be_taken_again() -> None:
    buckets = Buckets(size=1, per_second=0.01)
    for _ in range(10):
        assert buckets.take("ann", 0.0) == 0.0
        buckets.put_back("ann")
    buckets.put_back("nobody")
    assert len(buckets.full_at) == 1


def test_the_memory_of_them_is_bounded_and_the_one_asked_the_longest_ago_goes() -> None:
    buckets = Buckets(size=1, per_second=0.001, most=100)
    buckets.take("first", 0.0)
    for number in range(1000):
        buckets.take(number, 1.0)
    assert len(buckets.full_at) == 100
    assert list(buckets.full_at) == list(range(900, 1000))


@given(waits=some.lists(some.floats(0, 3), max_size=200), size=some.integers(1, 20), per_second=some.floats(0.1, 50))
def test_never_more_than_the_size_and_what_time_brought(waits: list[float], size: int, per_second: float) -> None:
    buckets, now, taken = Buckets(size=size, per_second=per_second), 0.0, 0
    for wait in waits:
        now += wait
        taken += buckets.take("ann", now) == 0.0
        assert taken <= size + per_second * now + 1e-3
