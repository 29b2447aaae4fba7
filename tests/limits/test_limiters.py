"""The limiters that measurements and simulations stand on."""

from collections.abc import Callable
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.limits.arrivals import most_within
from tests.limits.limiters import (
    FixedWindow,
    Limiter,
    NoLimit,
    Penalty,
    Quota,
    SlidingLog,
    TokenBucket,
)


def waits(limiter: Limiter, times: list[float]) -> list[float]:
    return [round(limiter.admit(time), 6) for time in times]


def passed(limiter: Limiter, times: list[float]) -> list[float]:
    return [time for time in times if not limiter.admit(time)]


MAKERS: dict[str, Callable[[], Limiter]] = {
    "bucket": lambda: TokenBucket(7.5, 3.5),
    "bucket of burst 1": lambda: TokenBucket(30),
    "sliding": lambda: SlidingLog(5, 2),
    "fixed": lambda: FixedWindow(5, 2, start=0.5),
    "penalty": lambda: Penalty(20, 2, 0.5),
    "extending penalty": lambda: Penalty(20, 2, 0.5, extends=True),
}
made = pytest.mark.parametrize("name", MAKERS)
times_of_calls = st.lists(st.floats(0.001, 0.5), min_size=1, max_size=120).map(
    lambda gaps: list(accumulate(gaps))
)


def test_no_limit_admits_everything_and_tells_nothing() -> None:
    limiter = NoLimit()
    assert passed(limiter, [5.0] * 1000) == [5.0] * 1000
    assert limiter.quota(5.0) is None


@pytest.mark.parametrize(
    ("limiter", "times", "expected"),
    [
        (TokenBucket(10, 3), [1.0] * 5, [0, 0, 0, 0.1, 0.1]),
        (TokenBucket(10, 1.5), [1.0, 1.0, 1.05, 1.1], [0, 0.05, 0, 0.05]),
        (TokenBucket(0.5), [0, 1, 2], [0, 1, 0]),
        (SlidingLog(3, 1), [0, 0.4, 0.8, 0.9, 1.0, 1.3], [0, 0, 0, 0.1, 0, 0.1]),
        (SlidingLog(0.1, 1), [0, 0.5, 1], [0, 0.5, 0]),
        (FixedWindow(2, 1, start=0.5), [1.4, 1.4, 1.4, 1.5, 1.5], [0, 0, 0.1, 0, 0]),
        (FixedWindow(2 / 60, 60), [1, 2, 50, 60, 60, 61], [0, 0, 10, 0, 0, 59]),
        (Penalty(10, 1, 2), [0, 0, 1, 2], [0, 2, 1, 0]),
        (Penalty(10, 1, 2, extends=True), [0, 0, 1, 2, 4], [0, 2, 2, 2, 0]),
    ],
    ids=[
        "a bucket's burst passes, then its rate",
        "half a token is kept",
        "less than one a second",
        "the log forgets one by one",
        "a log admits at least one",
        "windows start where they are told",
        "a window of a minute",
        "a penalty runs out",
        "a penalty is extended",
    ],
)
def test_tells_how_long_to_wait(limiter: Limiter, times: list[float], expected: list[float]) -> None:
    assert waits(limiter, times) == expected


def test_a_client_at_exactly_the_allowed_pace_is_never_refused() -> None:
    times = [1000.1 + number / 30 for number in range(10_000)]
    assert passed(TokenBucket(30), times) == times
    assert passed(SlidingLog(30, 1), times) == times


def test_a_long_rest_saves_a_bucket_no_more_than_its_burst() -> None:
    assert len(passed(TokenBucket(10, 3), [0.0] * 9 + [99.0] * 9)) == 6


@made
def test_a_new_rate_holds_from_then_on(name: str) -> None:
    limiter = MAKERS[name]()
    limiter.admit(0.0)
    limiter.rate = 2.0
    # Every tenth of a second would keep a penalty that is extended for ever.
    admitted = passed(limiter, [10 + number * 0.6 for number in range(100)])
    assert limiter.rate == 2.0
    assert len(admitted) == 100
    limiter.rate = 0.5
    assert len(passed(limiter, [100 + number * 0.6 for number in range(100)])) <= 34


@made
@given(times=times_of_calls)
def test_a_client_that_waits_as_announced_is_admitted(name: str, times: list[float]) -> None:
    limiter = MAKERS[name]()
    now = 0.0
    for time in times:
        now = max(now, time)
        if wait := limiter.admit(now):
            assert wait > 0
            now += wait
            assert not limiter.admit(now)


@given(times=times_of_calls, rate=st.floats(0.5, 50), burst=st.floats(1, 20))
def test_a_bucket_grants_no_stretch_of_time_more_than_burst_and_rate(
    times: list[float], rate: float, burst: float
) -> None:
    granted = passed(TokenBucket(rate, burst), times)
    for first, start in enumerate(granted):
        for last, end in enumerate(granted[first:], first):
            assert last - first + 1 <= burst + (end - start) * rate + 1e-3


@given(times=times_of_calls, most=st.integers(1, 20), per=st.sampled_from([0.25, 1.0, 4.0]))
def test_a_log_grants_no_window_more_than_its_number_wherever_it_starts(
    times: list[float], most: int, per: float
) -> None:
    assert most_within(passed(SlidingLog(most / per, per), times), per - 1e-6) <= most


@given(times=times_of_calls, most=st.integers(1, 20), per=st.sampled_from([0.25, 1.0, 4.0]))
def test_a_fixed_window_grants_its_number_in_each_and_twice_that_across_a_border(
    times: list[float], most: int, per: float
) -> None:
    granted = passed(FixedWindow(most / per, per), times)
    windows = [int(time // per) for time in granted]
    assert all(windows.count(window) <= most for window in set(windows))
    assert most_within(granted, per) <= 2 * most


@pytest.mark.parametrize(
    ("limiter", "first", "after_a_call"),
    [
        (TokenBucket(5, 10), Quota(10, 2, 10, 0), Quota(10, 2, 9, 0.2)),
        (SlidingLog(5, 2), Quota(10, 2, 10, 0), Quota(10, 2, 9, 2)),
        (FixedWindow(5, 2), Quota(10, 2, 10, 1), Quota(10, 2, 9, 1)),
        (Penalty(5, 10, 3), Quota(10, 2, 10, 0), Quota(10, 2, 9, 0.2)),
    ],
    ids=["bucket", "sliding", "fixed", "penalty"],
)
def test_tells_what_is_left(limiter: Limiter, first: Quota, after_a_call: Quota) -> None:
    assert limiter.quota(1.0) == first
    limiter.admit(1.0)
    assert limiter.quota(1.0) == pytest.approx(after_a_call)


def test_nothing_is_left_during_a_penalty() -> None:
    limiter = Penalty(10, 1, 2)
    assert waits(limiter, [0, 0]) == [0, 2]
    assert limiter.quota(1.5) == Quota(1, 0.1, 0, 0.5)
