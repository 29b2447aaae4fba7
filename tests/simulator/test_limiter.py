"""The token bucket."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.simulator.limiter import Limit, TokenBucket


def granted(limit: Limit, times: list[float]) -> list[float]:
    bucket = TokenBucket()
    return [time for time in times if not bucket.take(limit, time)]


@pytest.mark.parametrize(
    ("rate", "burst", "expected"), [(0, None, 1), (0.5, None, 1), (30, None, 30), (30, 2, 2), (2.5, None, 3)]
)
def test_a_burst_that_is_not_given_is_one_seconds_worth(
    rate: float, burst: int | None, expected: int
) -> None:
    assert Limit.of(rate, burst) == Limit(rate, expected)


def test_no_rate_is_no_limit() -> None:
    assert len(granted(Limit(0, 1), [5.0] * 1000)) == 1000


def test_given_a_full_bucket_the_burst_passes_and_then_one_must_wait() -> None:
    bucket = TokenBucket()
    limit = Limit(10, 3)
    assert [bucket.take(limit, 1.0) for _ in range(5)] == [0, 0, 0, 0.1, 0.1]
    assert bucket.take(limit, 1.05) == pytest.approx(0.05)
    assert bucket.take(limit, 1.1) == 0


def test_a_long_rest_saves_no_more_than_the_burst() -> None:
    assert len(granted(Limit(10, 3), [0.0] * 9 + [99.0] * 9)) == 6


def test_a_client_at_exactly_the_allowed_pace_is_never_refused() -> None:
    times = [1000.1 + number / 30 for number in range(10_000)]
    assert granted(Limit(30, 1), times) == times


def test_a_lower_limit_holds_at_once() -> None:
    bucket = TokenBucket()
    assert bucket.take(Limit(100, 100), 0.0) == 0
    assert bucket.take(Limit(1, 1), 0.0) == 0
    assert bucket.take(Limit(1, 1), 0.0) == 1


@given(
    st.floats(0.1, 1000),
    st.integers(1, 50),
    st.lists(st.floats(0, 2), max_size=200).map(lambda gaps: list(accumulate(gaps))),
)
def test_no_stretch_of_time_grants_more_than_burst_and_rate_allow(
    rate: float, burst: int, times: list[float]
) -> None:
    passed = granted(Limit(rate, burst), times)
    for first, start in enumerate(passed):
        for last, end in enumerate(passed[first:], first):
            assert last - first + 1 <= burst + (end - start) * rate + 1e-3
