"""The store's moments on a process's own clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.rate.store_clock import MEMORY, StoreClock

AHEAD = 5000.0
"""Seconds by which the store's clock is ahead."""


def test_a_reply_that_was_read_late_is_corrected_by_the_others() -> None:
    clock = StoreClock()
    assert clock.moment(AHEAD + 1.0, 0.999, 1.001) == pytest.approx(1.0)
    assert clock.moment(AHEAD + 2.0, 1.999, 2.050) == pytest.approx(2.0)
    assert clock.moment(AHEAD + 3.0, 2.900, 3.001) == pytest.approx(3.0)


@pytest.mark.parametrize("by", [-3600.0, 3600.0])
def test_a_clock_that_was_set_is_believed_at_once(by: float) -> None:
    clock = StoreClock()
    clock.moment(AHEAD + 1.0, 0.999, 1.001)
    assert clock.moment(AHEAD + by + 2.0, 1.999, 2.001) == pytest.approx(2.0)
    assert clock.moment(AHEAD + by + 3.0, 2.999, 3.050) == pytest.approx(3.0)


@given(
    st.floats(-1e9, 1e9),
    st.lists(st.tuples(st.floats(0.0001, 0.1), st.floats(0.0001, 0.1)), min_size=1, max_size=50),
)
def test_wrong_by_half_the_shortest_ways_at_most(apart: float, ways: list[tuple[float, float]]) -> None:
    """Whatever the clocks show and however long each way takes."""
    clock = StoreClock()
    for number, (there, back) in enumerate(ways):
        asked = 0.2 * number
        at = asked + there
        last = ways[max(0, number + 1 - MEMORY) : number + 1]
        room = min(there for there, _ in last) + min(back for _, back in last)
        moment = clock.moment(at + apart, asked, at + back)
        assert abs(moment - at) <= room / 2 + 1e-6
        assert asked - 1e-6 <= moment <= at + back + 1e-6
