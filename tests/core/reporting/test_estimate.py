import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.reporting.estimate import expected_seconds, requests_for


@pytest.mark.parametrize(("ids", "requests"), [(0, 0), (1, 1), (15, 1), (16, 2), (10_000_000, 666_667)])
def test_a_request_carries_fifteen_ids(ids: int, requests: int) -> None:
    assert requests_for(ids) == requests


def test_an_empty_list_takes_no_time() -> None:
    assert expected_seconds(0, 10, 100) == (0, 0)


def test_the_low_end_uses_every_slot_of_the_highest_rate() -> None:
    assert expected_seconds(1000, 10, 100).low == 10


@given(st.integers(1, 10**6), st.floats(0.01, 1000), st.floats(1, 100))
def test_the_band_holds_what_both_rates_alone_would_take(
    requests: int, slowest: float, factor: float
) -> None:
    low, high = expected_seconds(requests, slowest, slowest * factor)
    assert 0 < low <= requests / slowest < high
