from hypothesis import given
from hypothesis import strategies as st

from worker.core.reporting.timeline import Bucket, Timeline, read_timeline


def test_a_job_that_sent_nothing_has_no_bucket() -> None:
    assert read_timeline({}) == Timeline(1.0, [])


def test_buckets_stand_in_order_and_gaps_are_filled() -> None:
    found = read_timeline({"width_ms": "2000", "10": "1 15 0 0", "0": "3 30 2 1500 90.5 99", "2": "0 0 0 0"})
    assert found.width == 2.0
    assert found.buckets[0] == Bucket(3, 30, 2, 1.5, 90.5)
    assert found.buckets[1] == Bucket()
    assert (len(found.buckets), found.buckets[10]) == (11, Bucket(1, 15, 0, 0.0))


def test_the_allowed_rate_is_that_at_the_requests_and_unknown_without_them() -> None:
    found = read_timeline({"0": "4 60 0 0 50", "1": "0 15 0 0 0", "2": "4 60 0 0"}).buckets
    assert [bucket.allowed() for bucket in found] == [12.5, None, None]


def test_a_hold_lasts_as_long_as_its_429s_asked_for() -> None:
    buckets = [Bucket(), Bucket(3, 0, 3, 30.0), Bucket(), Bucket(1, 0, 1, 0.2), Bucket(1, 0, 1, 0.0)]
    assert Timeline(1.0, buckets).holds() == [(1.0, 11.0)]
    assert Timeline(20.0, buckets).holds() == [(20.0, 40.0), (60.0, 80.0)]


BUCKETS = st.lists(
    st.builds(Bucket, st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.floats(0, 99)), max_size=256
)


@given(BUCKETS)
def test_holds_neither_overlap_nor_come_out_of_order(buckets: list[Bucket]) -> None:
    holds = Timeline(1.0, buckets).holds()
    edges = [edge for hold in holds for edge in hold]
    assert edges == sorted(edges)
    assert len(edges) == len(set(edges))
