"""A worker holds no more after many ids than after few."""

from tests.benchmarks.contestants import FULL_SPEED, echo
from tests.benchmarks.memory import peak_megabytes, worker_pids
from tests.benchmarks.ours import workers
from tests.e2e.stack import until

FEW, MANY = 1_500, 6_000
"""Batches."""


def test_a_worker_that_sent_many_ids_holds_no_more_than_after_few() -> None:
    with echo(0.0) as api, workers(api.url, 1, **FULL_SPEED) as worker:
        (pid,) = worker_pids(worker.worker)
        peaks = []
        for batches in (FEW, MANY - FEW):
            job_id = worker.submit(batches)
            until(lambda job_id=job_id: worker.rests(job_id))  # type: ignore[misc]
            peaks.append(peak_megabytes(pid))
    assert peaks[1] <= 1.05 * peaks[0], peaks
