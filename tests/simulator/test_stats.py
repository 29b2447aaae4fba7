"""The counts."""

import pytest

from worker.simulator.stats import Stats, Window


@pytest.mark.parametrize(
    ("times", "most"),
    [
        ([], 0),
        ([5.0], 1),
        ([0.0, 1.0, 2.0], 1),
        ([0.0, 0.999, 1.0], 2),
        ([0.0, 0.5, 0.9, 5.0, 5.1], 3),
        ([number / 10 for number in range(100)], 10),
    ],
)
def test_the_busiest_second_is_found_wherever_it_begins(times: list[float], most: int) -> None:
    window = Window()
    for time in times:
        window.add(time)
    assert window.most == most


def test_the_peak_outlives_what_made_it() -> None:
    stats = Stats()
    stats.request_started(0.0)
    stats.request_started(0.0)
    stats.request_ended()
    stats.request_ended()
    stats.request_started(9.0)
    shown = stats.snapshot()
    assert (shown["concurrent"], shown["concurrent_peak"], shown["requests"]) == (1, 2, 3)
