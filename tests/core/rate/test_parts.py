"""Holds, slots, shares and the number in flight."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.backoff import HOLD_BASE, HOLD_CAP, hold_for
from worker.core.concurrency import MIN_LIMIT, WINDOW, AdaptiveConcurrencyLimit
from worker.core.rate.slots import (
    LATE,
    MIN_USABLE,
    RESERVATION_SECONDS,
    ReservedSlots,
    slots_per_reservation,
    usable_slots,
)


@pytest.mark.parametrize(
    ("asked", "strikes", "roll", "seconds"),
    [
        (7.0, 0, 0.0, 7.0),
        (7.0, 0, 0.5, 7.05),
        (0.0, 0, 0.0, HOLD_BASE),
        (0.0, 3, 0.0, 8 * HOLD_BASE),
        (None, 0, 0.0, HOLD_BASE),
        (None, 0, 0.5, 1.25 * HOLD_BASE),
        (None, 2, 0.0, 4 * HOLD_BASE),
        (None, 10**6, 0.0, HOLD_CAP),
    ],
)
def test_a_hold(asked: float | None, strikes: int, roll: float, seconds: float) -> None:
    assert hold_for(asked, strikes, roll) == pytest.approx(seconds)


@given(st.floats(0, 3600), st.integers(0, 1000), st.floats(0, 1, exclude_max=True))
def test_a_hold_is_never_shorter_than_was_asked_for(asked: float, strikes: int, roll: float) -> None:
    assert hold_for(asked, strikes, roll) >= asked


def test_slots_come_at_their_times_and_in_order() -> None:
    slots = ReservedSlots()
    slots.add(1.0, 0.1, ["a", "b"], epoch=3)
    assert slots.due(0.9) is None
    assert slots.next_after(0.9) == 1.0
    assert slots.due(1.0) == (1.0, "a", 3)
    assert slots.take().job == "a"
    assert (slots.of("a"), slots.of("b"), slots.end) == (0, 1, 1.1)
    assert slots.due(1.1) == (1.1, "b", 3)
    assert slots.next_after(1.1) is None


@pytest.mark.parametrize(("gap", "late"), [(0.1, 0.1), (0.01, LATE), (0.004, 0.016), (0.001, 0.004)])
def test_a_slot_that_is_too_late_is_forfeited_not_caught_up(gap: float, late: float) -> None:
    slots = ReservedSlots()
    slots.add(0.0, gap, ["a"], epoch=0)
    assert slots.due(0.9 * late) is not None
    assert slots.due(1.1 * late) is None
    assert (slots.unused, slots.end) == (1, float("-inf"))


@pytest.mark.parametrize(("gap", "late"), [(0.1, 0.1), (0.01, 0.01), (0.001, 0.002)])
def test_at_first_a_slot_may_hardly_be_late(gap: float, late: float) -> None:
    slots = ReservedSlots()
    slots.add(0.0, gap, ["a"], epoch=0)
    assert slots.due(0.9 * late, at_first=True) is not None
    assert slots.due(1.1 * late, at_first=True) is None
    assert slots.unused == 1


@pytest.mark.parametrize(("at_least", "stale"), [(0.0, True), (0.01, False)], ids=["kept", "spread"])
def test_a_slot_that_was_handed_out_in_time_can_be_used_too_late(at_least: float, stale: bool) -> None:
    slots = ReservedSlots()
    slots.add(0.0, 0.001, ["a"], epoch=0, at_least=at_least)
    slot = slots.take()
    assert not slots.is_stale(slot, slot.when + 0.0055)
    assert slots.is_stale(slot, slot.when + 0.0065) is stale
    assert slots.is_stale(slot, slot.when + 0.1) is stale


def test_a_run_that_is_more_than_can_be_used_is_spread_and_comes_behind_what_is_in_hand() -> None:
    slots = ReservedSlots()
    slots.add(1.0, 0.001, ["a", "a"], epoch=0, at_least=0.02)
    slots.add(1.0, 0.001, ["b"], epoch=0, at_least=0.02)
    assert len(slots) == 3
    assert slots.end == pytest.approx(1.04)
    assert slots.due(1.0) == (1.0, "a", 0)


def test_a_run_that_is_no_more_than_can_be_used_lies_where_the_budget_put_it() -> None:
    slots = ReservedSlots()
    slots.add(1.0, 0.02, ["a", "a"], epoch=0, at_least=0.01)
    slots.add(1.01, 0.02, ["a"], epoch=0, at_least=0.01)
    assert slots.end == pytest.approx(1.01)


@pytest.mark.parametrize(
    ("used", "seconds", "slots"),
    [
        (0, 100.0, MIN_USABLE),
        (300, 0.1, 600),
        (300, 0.05, 1200),
        (300, 1.0, MIN_USABLE),
        (0, 0.0, MIN_USABLE),
    ],
)
def test_twice_of_what_was_used_is_usable_but_never_next_to_nothing(
    used: int, seconds: float, slots: int
) -> None:
    assert usable_slots(used, seconds) == slots


@given(st.floats(0.001, 100_000))
def test_a_worker_that_uses_a_whole_reservation_can_use_the_next(rate: float) -> None:
    assert usable_slots(int(rate * RESERVATION_SECONDS), RESERVATION_SECONDS) >= slots_per_reservation(rate)


@given(st.floats(0.001, 1_250))
def test_at_a_real_rate_every_run_can_be_used(rate: float) -> None:
    assert usable_slots(0, 0.0) >= slots_per_reservation(rate)


def test_void_slots_are_not_given_back() -> None:
    slots = ReservedSlots()
    slots.add(0.0, 0.1, ["a"] * 5, epoch=0)
    slots.void()
    assert (slots.due(0.0), slots.unused) == (None, 0)


@pytest.mark.parametrize(("rate", "slots"), [(0.01, 1), (5, 1), (50, 5), (1000, 100)])
def test_a_run_lasts_a_tenth_of_a_second(rate: float, slots: int) -> None:
    assert slots_per_reservation(rate) == slots
    assert slots == 1 or slots / rate == pytest.approx(RESERVATION_SECONDS)


def answers(
    limit: AdaptiveConcurrencyLimit, latency: float, count: int, now: float = 0.0, in_flight: int = 32
) -> None:
    for _ in range(count):
        limit.answered(latency, in_flight, now)


def test_an_api_that_slows_down_is_sent_less_and_more_again_when_it_recovers() -> None:
    limit = AdaptiveConcurrencyLimit(32)
    answers(limit, 0.05, 5 * WINDOW)
    assert limit.limit == 32
    answers(limit, 2.0, 10 * WINDOW)
    assert limit.limit == MIN_LIMIT
    answers(limit, 0.05, 20 * WINDOW)
    assert limit.limit == 32


def test_a_limit_that_is_not_used_is_not_raised() -> None:
    limit = AdaptiveConcurrencyLimit(32)
    answers(limit, 0.05, WINDOW)
    answers(limit, 2.0, 3 * WINDOW)
    low = limit.limit
    answers(limit, 0.05, 5 * WINDOW, in_flight=0)
    assert limit.limit == low


def test_a_good_latency_of_long_ago_is_forgotten() -> None:
    """The API may have moved further away for good."""
    limit = AdaptiveConcurrencyLimit(32)
    answers(limit, 0.01, 2 * WINDOW)
    for minute in range(1, 4):
        answers(limit, 0.5, 20 * WINDOW, now=60.0 * minute)
    assert limit.limit == 32


def test_a_limit_of_one_stays_one() -> None:
    assert AdaptiveConcurrencyLimit(1).limit == 1
