"""What others spoilt in the keys that all jobs share, and in jobs, stops neither commands nor a worker."""

from pathlib import Path

from tests.e2e.stack import new_ids
from tests.faults.scene import scene
from tests.monitoring.scrapes import exporter
from tests.store.job_setup import put_job
from tests.store.spoilt import WAYS, litter
from worker.store import keys
from worker.store.jobs import JobStore


def test_list_metrics_and_sigterm_work_beside_what_others_spoilt(tmp_path: Path) -> None:
    with scene(tmp_path) as made, made.client() as client:
        litter(client)
        # What it has as many slices as a job can have: to remove them takes seconds, and is tested elsewhere.
        client.delete(keys.PURGING)
        for spoil in WAYS.values():
            spoil(client, put_job(JobStore(client), 15))
        job_id = made.stack.submit(new_ids(45))
        listed = made.stack.cli("list")
        assert listed.code == 0, listed.err
        assert job_id in listed.out
        with exporter(made.real.server.url) as shown:
            assert shown.value("redis_up") == 1
            for where in (keys.LIVE, keys.TOTALS, "job"):
                assert shown.value("redis_spoilt", where=where) > 0
        made.crew(1)
        made.rests(job_id)
        assert made.stack.report(job_id)["counts"]["activated"] == 45
        made.rounds(2)
        assert made.terminate(made.workers[0]) == 0
