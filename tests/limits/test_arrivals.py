from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.limits.arrivals import Arrival, Record, most_within, pace, summarize, until


def test_sums_up_what_came() -> None:
    record = Record()
    for at, status in [(1.0, 200), (1.2, 429), (1.9, 200), (2.1, 200), (9.0, 200)]:
        record.note(at, status)
    assert record.summary() == {
        "requests": 5,
        "by_status": {200: 4, 429: 1},
        "admitted": 4,
        "throttled": 1,
        "first": 1.0,
        "last": 9.0,
        "most_in_a_second": 3,
        "held": 0,
        "held_longest": 0.0,
    }


def test_nothing_came() -> None:
    assert summarize([]).first is None
    assert until([], 3.0) == []
    assert pace([]) == pace([1.0]) == pace([1.0, 1.0]) == 0.0


def test_counts_what_came_after_a_hold_was_known_and_before_it_ended() -> None:
    record = Record()
    record.announce(10.0, 0.1, 2.0)
    for at in (10.0, 10.09, 10.2, 11.9, 12.0, 12.1):
        record.note(at, 200)
    assert list(record.held) == pytest.approx([0, 0, 0.1, 1.8, 0, 0])


def test_a_second_429_makes_a_hold_longer_and_never_shorter() -> None:
    record = Record()
    record.announce(10.0, 0.0, 2.0)
    record.announce(10.5, 0.0, 0.5)
    record.announce(11.0, 0.0, 3.0)
    for at in (11.5, 13.9, 14.1):
        record.note(at, 429)
    assert list(record.held) == pytest.approx([1.5, 3.9, 0])


def test_a_429_without_retry_after_starts_no_hold() -> None:
    record = Record()
    record.announce(10.0, 0.0, 0.0)
    record.note(10.5, 200)
    assert list(record.held) == [0]


def test_the_pace_is_that_between_the_first_and_the_last() -> None:
    assert pace([2.0, 2.5, 3.0, 4.0]) == 1.5


def test_takes_those_of_the_first_seconds() -> None:
    arrivals = [Arrival(at, 200, 0.0) for at in (5.0, 6.0, 7.0, 7.1)]
    assert until(arrivals, 2.0) == arrivals[:3]


@given(st.lists(st.integers(0, 200), max_size=60).map(sorted), st.integers(1, 50))
def test_the_fullest_stretch_is_found_wherever_it_starts(times: list[int], length: int) -> None:
    fullest = max(
        (bisect_left(times, start + length) - bisect_left(times, start) for start in times), default=0
    )
    assert most_within(times, length) == fullest
