"""When a running job is estimated to end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.stored import T0, job, made
from worker.core.job import State
from worker.core.reporting.progress import LONGEST_ETA
from worker.core.timestamp import timestamp


def running(**counts: int) -> dict[str, str]:
    """A job that has been running for a second."""
    return job(State.RUNNING, total=sum(counts.values()), active_ms=1000, **counts)


def test_a_running_job_ends_when_the_rest_is_done_at_the_speed_so_far() -> None:
    # One second before, one since: 20 ids in 2 seconds, 60 to go.
    report = made(running(n_activated=20, n_pending=60), now_ms=T0 + 1000)
    assert report.progress.seconds["active"] == 2.0
    assert report.progress.ids_per_second == 10.0
    assert report.progress.eta_at == "2026-11-23T22:00:07.000Z"


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param(running(n_pending=5), id="nothing is done yet"),
        pytest.param(job(total=5, n_activated=1, n_pending=4), id="no time has passed"),
        pytest.param(
            job(State.PAUSED, total=5, n_activated=1, n_pending=4, active_ms=1000), id="it is paused"
        ),
        pytest.param(
            running(n_activated=1, n_pending=10**7) | {"active_ms": str(36_000_000)},
            id="at this speed it takes a thousand years and more",
        ),
        pytest.param(
            running(n_activated=1, n_pending=10**7) | {"active_ms": str(10**12)}, id="past every calendar"
        ),
    ],
)
def test_there_is_no_estimate_while(fields: dict[str, str]) -> None:
    assert made(fields).progress.eta_at is None


def test_a_clock_of_the_store_that_was_set_back_takes_no_time_away() -> None:
    assert made(running(n_pending=5), now_ms=T0 - 5000).progress.seconds["active"] == 1.0


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 10**13))
def test_no_speed_however_low_breaks_the_report(done: int, left: int, active_ms: int) -> None:
    fields = job(total=done + left, n_activated=done, n_pending=left, active_ms=active_ms)
    progress = made(fields).progress
    assert 0.0 <= progress.percent <= 100.0
    if progress.eta_at is not None:
        last = timestamp(T0 + 1000 * LONGEST_ETA)
        assert last is not None
        assert progress.eta_at <= last
