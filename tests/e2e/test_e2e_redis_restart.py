"""Redis is restarted under a busy worker: the worker lives, reconnects and goes on by itself."""

from pathlib import Path

from tests.e2e.stack import Simulator, Stack, agree, new_ids, until
from tests.servers import valkey9


def test_a_restart_of_redis_ends_no_worker_and_loses_no_id(tmp_path: Path, api: Simulator) -> None:
    with valkey9() as real, Stack(tmp_path, real.server.url) as stack:
        ids = new_ids(6000)
        job_id = stack.submit(ids)
        worker = stack.worker(api, rate=100)
        for _ in range(3):
            before = api.stats()["requests"]
            until(lambda before=before: api.stats()["requests"] > before + 20)  # type: ignore[misc]
            real.restart()
        until(lambda: stack.report(job_id)["state"] == "completed")
        assert worker.poll() is None
        assert agree(stack.rows(job_id), api.world())
        assert stack.cli("verify", job_id).code == 0
