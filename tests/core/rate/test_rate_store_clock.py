"""The store's moments on a process's own clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.rate.store_clock import MEMORY, StoreClock

AHEAD = 5000.0
"""Seconds by which the store's clock is ahead."""


def test_an_answer_that_was_read_late_is_taken_for_what_the_quickest_tells() -> None:
    clock = StoreClock()
    assert clock.moment(AHEAD + 1.0, 0.999, 1.002) == pytest.approx(1.002)
    assert clock.moment(AHEAD + 2.0, 1.999, 2.050) == pytest.approx(2.002)
    assert clock.moment(AHEAD + 3.0, 2.999, 3.001) == pytest.approx(3.001)


def test_an_answer_is_no_older_than_its_question() -> None:
    """The store's clock was set back."""
    clock = StoreClock()
    clock.moment(AHEAD + 1.0, 0.999, 1.001)
    assert clock.moment(AHEAD + 2.0 - 3600, 1.999, 2.001) == 1.999


def test_a_clock_that_was_set_back_is_believed_after_some_answers() -> None:
    clock = StoreClock()
    clock.moment(AHEAD, -0.001, 0.001)
    heard = [clock.moment(second - 3600.0, second - 0.001, second + 0.001) for second in range(1, MEMORY + 1)]
    assert heard[0] == pytest.approx(1 - 0.001)
    assert heard[-1] == pytest.approx(MEMORY + 0.001)


@given(
    st.floats(-1e9, 1e9),
    st.lists(st.tuples(st.floats(0, 0.1), st.floats(0, 0.1)), min_size=1, max_size=50),
)
def test_never_early_and_late_by_the_quickest_answer(apart: float, ways: list[tuple[float, float]]) -> None:
    """Whatever the clocks show and however long each way takes."""
    clock = StoreClock()
    for number, (there, back) in enumerate(ways):
        asked = 0.2 * number
        at = asked + there
        quickest = min(back for _, back in ways[max(0, number + 1 - MEMORY) : number + 1])
        moment = clock.moment(at + apart, asked, at + back)
        assert -1e-6 <= moment - at <= quickest + 1e-6
