"""Each time falls into the first bucket that holds it, by a name that Redis counts."""

import pytest

from worker.core.reporting.latency import BOUNDS, BUCKETS, bucket_of


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [
        (0.0, "within_ms_5"),
        (0.005, "within_ms_5"),
        (0.0051, "within_ms_10"),
        (2.5, "within_ms_2500"),
        (30.0, "within_ms_30000"),
        (30.001, "within_ms_inf"),
        (1e9, "within_ms_inf"),
    ],
)
def test_a_latency_is_counted_in_the_lowest_bucket_that_holds_it(seconds: float, bucket: str) -> None:
    assert bucket_of(seconds) == bucket


def test_each_bound_has_a_name_of_its_own_and_one_is_above_them_all() -> None:
    assert len(set(BUCKETS)) == len(BOUNDS) + 1
    assert [bucket_of(bound) for bound in BOUNDS] == list(BUCKETS[:-1])
    assert not any(name.isdigit() for name in BUCKETS), "the report takes such a name for a status"
