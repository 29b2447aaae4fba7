"""How far ahead of sending slots are reserved, by how long the store takes to answer."""

import random

import pytest

from worker.core.rate.round_trip import MAX_AHEAD, MIN_AHEAD, WARM_UP, RoundTrip
from worker.core.rate.slots import RESERVATION_SECONDS


def after(*took: float) -> RoundTrip:
    made = RoundTrip()
    for seconds in took:
        made.record(seconds)
    return made


@pytest.mark.parametrize("trip", [RoundTrip(), after(*[0.0005] * 20)])
def test_near_the_store_nothing_changes(trip: RoundTrip) -> None:
    assert (trip.reservation_seconds, trip.ask_ahead, trip.marked_seconds) == (
        RESERVATION_SECONDS,
        MIN_AHEAD,
        RESERVATION_SECONDS,
    )
    assert trip.answer_delay < 0.001
    assert not trip.is_far


@pytest.mark.parametrize("far", [0.1, 0.2, 0.3])
def test_a_run_lasts_until_the_next_can_be_there(far: float) -> None:
    trip = after(*[far] * 20)
    assert trip.smoothed == pytest.approx(far)
    assert trip.reservation_seconds >= far
    assert trip.ask_ahead > far
    assert far / 2 <= trip.answer_delay <= far
    assert trip.marked_seconds >= 2 * far
    assert trip.is_far


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_jitter_is_reckoned_with(seed: int) -> None:
    """Hardly any round trip is longer than what is reserved for."""
    chance = random.Random(seed)
    took = [0.15 + chance.uniform(-0.04, 0.04) for _ in range(400)]
    trip, late = RoundTrip(), 0
    for seconds in took:
        late += seconds > trip.ask_ahead
        trip.record(seconds)
    assert late <= 1 + 0.01 * len(took)
    assert trip.longest < 0.3


def test_connections_that_are_made_first_are_no_measure() -> None:
    trip = after(0.9, *[0.2] * (WARM_UP - 1))
    assert trip.smoothed == 0.2
    assert not trip.is_far
    assert after(0.9, *[0.2] * WARM_UP).is_far


def test_a_first_round_trip_that_opened_a_connection_lets_hardly_more_be_marked() -> None:
    assert after(0.025).marked_seconds == RESERVATION_SECONDS
    assert RESERVATION_SECONDS < after(0.3).marked_seconds < after(0.3, 0.3).marked_seconds


def test_a_busy_loop_is_no_distance() -> None:
    """Near Redis nothing changes, however late the loop comes to read what it said."""
    trip = after(*[0.0005, 0.2, 0.15, 0.18] * 5)
    assert (trip.reservation_seconds, trip.ask_ahead, trip.marked_seconds, trip.answer_delay) == (
        RESERVATION_SECONDS,
        MIN_AHEAD,
        RESERVATION_SECONDS,
        0.0,
    )
    assert not trip.is_far


def test_never_more_is_reserved_than_may_be_lost() -> None:
    trip = after(*[30.0] * 20)
    assert trip.longest == MAX_AHEAD
    assert max(trip.reservation_seconds, trip.answer_delay) <= MAX_AHEAD
