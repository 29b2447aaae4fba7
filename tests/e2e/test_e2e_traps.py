"""What Celery on Redis is known for, each with the cure in place.

Its other traps have tests elsewhere: the death of a worker when Redis restarts (`test_e2e_redis_restart`),
SIGTERM to a busy worker (`test_e2e_submit`), poison work (`tests/faults`).
"""

from pathlib import Path
from typing import cast

from tests.e2e.stack import Simulator, Stack, agree, new_ids, until
from worker.messages import QUEUES, queue_of
from worker.store import keys
from worker.store.connect import sync_client


def lines(log: Path, words: str) -> int:
    return log.read_text().count(words) if log.exists() else 0


def test_messages_that_died_with_a_worker_are_sent_again(stack: Stack, api: Simulator) -> None:
    """Kombu takes a message off the queue and notes it as unacknowledged in two steps: a kill between them
    leaves it nowhere.
    """
    ids = new_ids(3000)
    job_id = stack.submit(ids)
    with sync_client(stack.redis_url) as client:
        assert client.delete(queue_of(job_id)) == 1
        # It was so long ago that a message should have come to a worker.
        for number in cast("list[bytes]", client.zrange(keys.job(job_id, "waiting"), 0, -1)):
            client.zadd(keys.job(job_id, "waiting"), {number: 1})
    stack.worker(api)
    until(lambda: stack.report(job_id)["state"] == "completed")
    assert agree(stack.rows(job_id), api.world())


def test_a_worker_that_reconnects_gets_no_copy_of_what_it_works_on(stack: Stack, api: Simulator) -> None:
    api.control(rate=20)
    worker = stack.worker(api, rate=20, LOG_LEVEL="debug")
    job_id = stack.submit(new_ids(1500))
    until(lambda: api.stats()["requests"] > 5)
    with sync_client(stack.redis_url) as client:
        for connections in range(2, 5):
            until(lambda: any(each["cmd"] == "brpop" for each in client.client_list()))
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            until(lambda times=connections: lines(stack.log, "Starting event loop") == times)  # type: ignore[misc]
        assert stack.report(job_id)["state"] == "running"
        until(lambda: stack.report(job_id)["state"] == "completed")
        assert sum(cast("int", client.llen(f"bulk-activation.{number}")) for number in range(QUEUES)) == 0
        assert client.hlen("unacked") == 0
    assert lines(stack.log, "received") == 1
    assert worker.poll() is None
    assert {entry["sent"] for entry in api.world().values()} == {1}
