import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.backoff import backoff

ROLLS = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize(
    ("attempt", "wait"),
    [(1, 0.5), (2, 1.0), (3, 2.0), (4, 4.0), (5, 8.0), (6, 16.0), (7, 20.0), (8, 20.0), (10**9, 20.0)],
)
def test_backoff_doubles_from_the_base_and_stops_at_the_cap(attempt: int, wait: float) -> None:
    assert backoff(attempt, base=0.5, cap=20.0, roll=0.0) == wait


def test_jitter_is_added_and_never_subtracted() -> None:
    assert backoff(1, base=8.0, cap=60.0, roll=0.5) == 10.0


@given(st.integers(1, 10**12), st.floats(0.001, 100), st.floats(0.001, 1000), ROLLS)
def test_a_wait_lies_between_the_backoff_and_half_as_much_again(
    attempt: int, base: float, cap: float, roll: float
) -> None:
    least = backoff(attempt, base=base, cap=cap, roll=0.0)
    assert least <= cap
    assert least <= backoff(attempt, base=base, cap=cap, roll=roll) <= 1.5 * least
    assert least <= backoff(attempt + 1, base=base, cap=cap, roll=0.0)
