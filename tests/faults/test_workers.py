"""Workers die, stop, freeze and come back in the middle of a job."""

import os
import signal
from pathlib import Path
from random import Random

import pytest

from tests.e2e.stack import new_ids, until
from tests.faults.faults import messages_come_twice
from tests.faults.invariant import check
from tests.faults.scene import IN_FLIGHT, MIXED, frozen, pids_of, scene
from worker.core.batches.batch import MAX_BATCH

SLOW = 40.0
"""Requests per second: the job is not over before all that is to happen has happened."""


def test_killed_again_and_again_the_job_completes_and_only_what_was_in_flight_is_sent_twice(
    tmp_path: Path,
) -> None:
    with scene(tmp_path, *MIXED, rate=SLOW) as made:
        ids = new_ids(15 * 500)
        pool, single = made.work(2), made.work()
        made.ready(3)
        job_id = made.stack.submit(ids)
        taken: list[int] = []
        made.more(20)
        # A process of a pool: its parent starts another, and the others go on meanwhile.
        with made.still() as unrecorded:
            os.kill(pids_of(pool)[1], signal.SIGKILL)
        taken.append(len(unrecorded))
        made.more(20)
        # A whole worker.
        with made.still() as unrecorded:
            made.destroy(single)
        taken.append(len(unrecorded))
        made.more(20)
        # All of them; then there is one again.
        with made.still() as unrecorded:
            made.destroy(pool)
        taken.append(len(unrecorded))
        made.work(2)
        made.end(job_id)
        check(made, job_id, ids, twice=sum(taken))
        # What one kill can take: what is in flight, and what was answered within the last tenth of a second.
        assert max(taken) <= MAX_BATCH * 3 * (IN_FLIGHT + SLOW * 0.1 + 1)


def test_a_rolling_restart_and_scaling_send_nothing_twice(tmp_path: Path) -> None:
    with scene(tmp_path, *MIXED, rate=SLOW) as made:
        job_id, ids = made.begin(900, requests=10)
        (first,) = made.workers
        crew = [made.work() for _ in range(3)]
        made.ready(4)
        made.more(10)
        assert made.terminate(first) == 0
        made.more(10)
        for worker in crew[:2]:
            assert made.terminate(worker) == 0
        made.ready(1)
        assert made.stack.report(job_id)["counts"]["ambiguous"] == 0
        made.end(job_id)
        check(made, job_id, ids)


def test_a_worker_frozen_past_its_lease_is_fenced_when_it_wakes(tmp_path: Path) -> None:
    with scene(tmp_path, *MIXED, rate=SLOW) as made:
        job_id, ids = made.begin(200)
        (sleeper,) = made.workers
        with frozen(pids_of(sleeper)):
            until(lambda: made.api.stats()["concurrent"] == 0)
            in_doubt = made.in_hand()
            made.work()
            made.hurry()
            # Another has what it held, and is done with it.
            made.rests(job_id)
            sent = made.requests()
        # It sends what it was about to, if anything: its claim is lost, and the job at rest.
        assert made.terminate(sleeper) == 0
        assert MAX_BATCH * (made.requests() - sent) <= in_doubt
        check(made, job_id, ids, twice=in_doubt)


def test_a_slice_delivered_many_times_at_once_is_worked_on_once(tmp_path: Path) -> None:
    with scene(tmp_path, *MIXED, rate=SLOW) as made:
        job_id, ids = made.begin(400, workers=2, requests=1)
        for seed in range(4):
            messages_come_twice(made, Random(seed))
            made.more(10)
        made.end(job_id)
        check(made, job_id, ids)


CLOCK = """
import time
_real, _off = time.time, {seconds}
time.time = lambda: _real() + _off
time.time_ns = lambda: round((_real() + _off) * 1e9)
"""


@pytest.mark.parametrize("zone", ["behind", "ahead"])
def test_the_clocks_of_workers_may_be_wrong_by_hours(tmp_path: Path, zone: str) -> None:
    """Python reads `sitecustomize` before all else: from its first line on, the worker's clock is wrong."""
    seconds = {"behind": -18_000, "ahead": 18_000}[zone]
    (tmp_path / "sitecustomize.py").write_text(CLOCK.format(seconds=seconds))
    # A date is the one moment that the API can name.
    with scene(tmp_path, *MIXED, "--rate", "40", "--burst", "10", "--retry-after", "date", rate=60) as made:
        ids = new_ids(15 * 60)
        made.stack.outer["PYTHONPATH"] = str(tmp_path)
        made.work()
        job_id = made.stack.submit(ids)
        made.rests(job_id)
        check(made, job_id, ids)
        report = made.stack.report(job_id)
        assert report["requests"]["throttled"] > 0
        moments = [report["started_at"], *(row["finished_at"] for row in made.stack.rows(job_id))]
        assert report["created_at"] <= min(moments) <= max(moments) <= report["ended_at"]
