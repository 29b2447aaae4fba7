import pytest

from tests.benchmarks.figures import Reached, Steady, at_most_in_a_second, reached, steady
from tests.limits.arrivals import Arrival


def came(*arrivals: tuple[float, int]) -> list[Arrival]:
    return [Arrival(at, status, 0.0) for at, status in arrivals]


def test_a_steady_run_is_judged_by_its_pace_its_fullest_second_and_its_429s() -> None:
    arrivals = came((0, 200), (0.5, 200), (0.9, 429), (1.5, 200), (2.0, 200))
    assert steady(arrivals, 2.5) == Steady(share=0.8, most_in_a_second=3, throttled=1)
    assert at_most_in_a_second(1000) == 1051


def test_a_search_is_judged_up_to_the_last_that_was_admitted() -> None:
    arrivals = came((10, 429), (11, 200), (14, 200), (20, 429))
    found = reached(arrivals, lambda seconds: 1 + seconds)
    assert found == Reached(share=0.4, throttled_share=0.5, requests=4, admitted=2, seconds=4)


def test_a_run_of_a_given_length_is_judged_over_all_of_it() -> None:
    assert reached(came((10, 200), (11, 200)), lambda seconds: seconds, 8).share == 0.25


@pytest.mark.parametrize(
    ("arrivals", "throttled"), [([], 0.0), (came((1, 429)), 1.0)], ids=["none", "refused"]
)
def test_where_nothing_was_admitted_nothing_was_reached(arrivals: list[Arrival], throttled: float) -> None:
    found = reached(arrivals, lambda seconds: seconds)
    assert (found.share, found.throttled_share) == (0.0, throttled)
