"""A new job has its share of the rate at once, whatever the workers are full of."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.stack import until
from tests.engine.jobs import Job, Jobs
from tests.faults.scene import Scene, scene
from worker.core.batches.batch import MAX_BATCH
from worker.core.job import Control
from worker.queue import messages
from worker.queue.messages import queue_of
from worker.settings import load

RATE = 40.0
BIG = 4000
"""Batches: more than any of these tests sends."""
SMALL = 60

GIVEN_BACK = "slice given back: another job is to have its turn"


class Busy(NamedTuple):
    """Workers that are full of slices of one job."""

    made: Scene
    jobs: Jobs
    big: Job

    def put(self, batches: int, *, same_queue: bool) -> Job:
        """One more job; its message stands behind those of the large one, or comes in turn with them."""
        ours = queue_of(self.big.job_id)
        names = (f"small-{number}" for number in count())
        name = next(name for name in names if (queue_of(name) == ours) is same_queue and self.is_new(name))
        return self.send(self.jobs.put(MAX_BATCH * batches, job_id=name))

    def is_new(self, name: str) -> bool:
        return self.jobs.store.field(name, "state") is None

    def send(self, job: Job) -> Job:
        with messages.make_app(load(redis_url=self.made.real.server.url)) as app:
            messages.send(app, job.job_id, job.tickets)
        return job

    def sent(self, job: Job) -> int:
        return int(self.jobs.store.field(job.job_id, "r_sent") or 0)

    def given_back(self) -> int:
        return self.made.stack.log.read_text().count(GIVEN_BACK)


@contextmanager
def busy(home: Path, processes: int = 1) -> Iterator[Busy]:
    with scene(home, "--latency", "20", rate=RATE) as made:
        jobs = Jobs(made.real.server.url)
        found = Busy(made, jobs, jobs.put(MAX_BATCH * BIG))
        found.send(found.big)
        made.work(processes)
        # Its first answers are there, and all of its slices have begun.
        until(lambda: jobs.claimed(found.big) == 4 * processes and found.sent(found.big) > RATE)
        yield found


@pytest.mark.parametrize("same_queue", [True, False], ids=["behind", "in turn"])
@pytest.mark.parametrize("processes", [1, 3])
def test_a_small_job_ends_before_a_large_one_was_sent_thrice_as_much(
    tmp_path: Path, processes: int, same_queue: bool
) -> None:
    """By half of the rate it is as much. Behind the messages of the large one it was nine times as much."""
    with busy(tmp_path, processes) as full:
        before = full.sent(full.big)
        small = full.put(SMALL, same_queue=same_queue)
        until(lambda: full.jobs.rests(small))
        meanwhile = full.sent(full.big) - before
        assert full.jobs.state(small) == "completed"
        assert full.sent(small) == SMALL
        assert meanwhile <= 3 * SMALL


def test_many_small_jobs_end_each_in_its_turn(tmp_path: Path) -> None:
    """Twelve, of which four at most have a slice in work: together they are sent as much as the large one."""
    with busy(tmp_path) as full:
        before = full.sent(full.big)
        small = [full.put(SMALL // 6, same_queue=number % 2 == 0) for number in range(12)]
        until(lambda: all(full.jobs.rests(job) for job in small))
        assert full.sent(full.big) - before <= 3 * sum(map(full.sent, small))


def test_who_may_not_be_worked_on_takes_no_turn(tmp_path: Path) -> None:
    """A paused job's slices wait as long as it is paused."""
    with busy(tmp_path) as full:
        paused = full.jobs.put(MAX_BATCH * SMALL)
        full.jobs.control(paused, Control.PAUSE)
        full.made.rounds(4)
        assert (full.given_back(), full.jobs.claimed(full.big), full.sent(paused)) == (0, 4, 0)
        full.jobs.control(paused, Control.RESUME)
        until(lambda: full.sent(paused) > 0)
        assert full.given_back() == 1
