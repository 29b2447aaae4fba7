"""All that this project asks of Redis: commands, a worker, Celery's remote control."""

import socket
import uuid

from tests.e2e.stack import CELERY, ORG, Simulator, Stack, agree, new_ids, until
from worker.store.connect import sync_client
from worker.store.jobs import JobStore


def do_everything(stack: Stack, api: Simulator) -> None:
    """Raises `AssertionError` where anything of it fails."""
    worker = stack.worker(api, "--name", "one")
    with sync_client(stack.redis_url) as client:
        until(lambda: JobStore(client).live_workers(10_000) > 0)
    ids = new_ids(60)
    request = ("--request-id", uuid.uuid4().hex)
    job_id = stack.submit([*ids, ids[0]], *request)
    until(lambda: stack.report(job_id)["state"] == "completed")
    assert stack.submit([*ids, ids[0]], *request) == job_id
    assert agree(stack.rows(job_id)[: len(ids)], api.world())
    retried = stack.cli("retry", job_id)
    assert retried.code == 0, retried.err
    until(lambda: stack.report(retried.out.strip())["state"] == "completed")
    # With a name it ends at the answer, without one at the end of the time.
    asked = ("--timeout", "60", "--destination", f"one@{socket.gethostname()}")
    ping = stack.start([CELERY, "-A", "worker", "inspect", *asked, "ping"])
    assert ping.wait() == 0
    for words in (["list"], ["set-rate", ORG, "50"], ["doctor"], ["purge", job_id]):
        done = stack.cli(*words, API_URL=api.url)
        assert done.code == 0, done.err
    worker.terminate()
    assert worker.wait() == 0
    assert "NOPERM" not in stack.log.read_text()
