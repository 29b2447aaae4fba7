import itertools
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.slots import RUN_SECONDS, TOLERANCE, Run, slots_per_run


@dataclass
class Taken:
    """What asking a run again and again, at the times `asked`, gave."""

    slots: int
    gap: float
    asked: list[float]
    given: list[tuple[float, float]] = field(default_factory=list)
    """(when asked, the slot)."""

    def __post_init__(self) -> None:
        run = Run(10.0, self.gap, self.slots)
        for now in self.asked:
            if (when := run.take(now)) is not None:
                self.given.append((now, when))
        self.left = run.slots


def test_slots_are_given_in_order_evenly_spaced_and_then_no_more() -> None:
    run = Run(10.0, 0.25, 3)
    assert [run.take(9.0) for _ in range(5)] == [10.0, 10.25, 10.5, None, None]


def test_an_empty_run_gives_none() -> None:
    assert Run(0.0, 1.0, 0).take(100.0) is None


@pytest.mark.parametrize(
    ("gap", "now", "slot"),
    [
        pytest.param(0.25, 10.2, 10.0, id="late by less than the gap: still used"),
        pytest.param(0.25, 10.3, 10.25, id="late by more than the gap: forfeited"),
        pytest.param(0.25, 10.8, 10.75, id="two slots and more are forfeited"),
        pytest.param(0.25, 11.1, 11.0, id="down to the last"),
        pytest.param(0.25, 99.0, None, id="all of them"),
        pytest.param(0.001, 10.019, 10.0, id="a short gap is late by the tolerance at most"),
        pytest.param(0.001, 10.0215, 10.002, id="and then forfeited"),
    ],
)
def test_a_slot_that_is_too_late_is_forfeited(gap: float, now: float, slot: float | None) -> None:
    given_slot = Run(10.0, gap, 5).take(now)
    assert given_slot == (None if slot is None else pytest.approx(slot))


TIMES = st.lists(st.floats(0.0, 20.0), max_size=60).map(lambda steps: [9.0 + step for step in sorted(steps)])
GAPS = st.floats(1e-4, 5.0)
TAKEN = st.builds(Taken, slots=st.integers(0, 40), gap=GAPS, asked=TIMES)


@given(TAKEN)
def test_no_slot_is_given_twice_and_none_is_earlier_than_the_last(taken: Taken) -> None:
    slots = [slot for _, slot in taken.given]
    for earlier, later in itertools.pairwise(slots):
        assert later - earlier >= taken.gap * (1 - 1e-6)


@given(TAKEN)
def test_every_slot_is_one_of_the_run_and_none_is_later_than_allowed(taken: Taken) -> None:
    for asked, slot in taken.given:
        place = (slot - 10.0) / taken.gap
        assert place == pytest.approx(round(place), abs=1e-6)
        assert -1e-6 < place < taken.slots
        assert asked - slot <= max(TOLERANCE, taken.gap) + 1e-9


@given(TAKEN)
def test_the_slots_given_forfeited_and_left_sum_to_the_run(taken: Taken) -> None:
    last = max((round((slot - 10.0) / taken.gap) for _, slot in taken.given), default=-1)
    assert 0 <= taken.left <= taken.slots - 1 - last
    if len(taken.asked) == len(taken.given):
        # Every request was served, so what was skipped stands before the last one given.
        assert taken.left == taken.slots - 1 - last


@given(st.integers(1, 40), GAPS)
def test_whoever_is_in_time_gets_every_slot(slots: int, gap: float) -> None:
    assert len(Taken(slots, gap, [9.0] * (slots + 3)).given) == slots


@pytest.mark.parametrize(
    ("rate", "slots"), [(0.01, 1), (1, 1), (10, 1), (30, 3), (100, 10), (100_000, 10_000)]
)
def test_a_run_is_about_a_tenth_of_a_second_long(rate: float, slots: int) -> None:
    assert slots_per_run(rate) == slots
    assert slots == 1 or slots / rate == pytest.approx(RUN_SECONDS)
