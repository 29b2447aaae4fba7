"""Redis' clock steps back by an hour in the middle of a job, and the workers are started anew."""

from pathlib import Path

from tests.clock import step_back
from tests.faults.invariant import check
from tests.faults.scene import MIXED, scene


def test_a_job_goes_on_at_once_though_the_clock_of_redis_steps_back_by_an_hour(tmp_path: Path) -> None:
    with scene(tmp_path, *MIXED, rate=40.0) as made:
        job_id, ids = made.begin(batches=300)
        with made.client() as client:
            step_back(client)
        made.more(requests=40)
        with made.still() as unrecorded:
            made.destroy(made.workers[0])
            with made.client() as client:
                step_back(client)
        made.work()
        made.more(requests=20)
        made.end(job_id)
        check(made, job_id, ids, twice=len(unrecorded))
