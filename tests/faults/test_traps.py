"""What Celery 5.7 on Redis is known for, and that it does not befall us.

Each test says which cure it fails without. Where a plain Celery worker falls into the trap every time, it
does so here too, on a Redis of the same kind: the test then shows that the trap is there. The endless loop
of poison work is in `test_faults_poison`.
"""

import tempfile
from hashlib import sha1
from pathlib import Path

import pytest

from tests.e2e.stack import TIMEOUT, new_ids, until
from tests.faults.invariant import check
from tests.faults.plain import QUEUE, Plain
from tests.faults.proxy import proxy
from tests.faults.scene import IN_FLIGHT, MIXED, Scene, scene
from tests.servers import RealServer, valkey9
from worker.core.batches.slices import IDS
from worker.queue.messages import QUEUE_NAMES, queue_of
from worker.store import keys
from worker.store.connect import sync_client
from worker.store.script_calls import Script, source

THREADS = 4
"""Of a worker: so many slices are in work at once."""


SLOW = 40.0
"""Requests per second: slices take long."""


def lines(log: Path, words: str) -> int:
    return log.read_text().count(words) if log.exists() else 0


def messages_left(made: Scene) -> int:
    with made.client() as client:
        return sum(client.llen(name) for name in QUEUE_NAMES)


def test_a_restart_of_redis_ends_a_plain_worker_that_holds_messages(tmp_path: Path) -> None:
    """Celery 5.7.0 dies where it holds unacknowledged messages and has a blocking read under way for more,
    whatever the pool. Where this fails, upstream has mended it.
    """
    with valkey9() as real:
        plain = Plain(tmp_path, real.server.url, {})
        plain.send(2 * THREADS)
        with plain.worker() as worker:
            until(lambda: plain.count("began") == THREADS)
            until(lambda: unacknowledged(real) == THREADS)
            real.restart()
            until(lambda: lines(plain.log, "'NoneType' object has no attribute 'hostname'") > 0)
            # It ends once its tasks have.
            plain.go()
            assert worker.wait(TIMEOUT) != 0


def unacknowledged(real: RealServer) -> int:
    with sync_client(real.server.url) as client:
        return int(client.hlen("unacked"))


@pytest.mark.parametrize("slices", [THREADS - 2, THREADS + 2])
def test_a_restart_of_redis_ends_no_worker_of_ours_and_loses_no_id(tmp_path: Path, slices: int) -> None:
    """With fewer slices than threads it fails with `task_acks_late`; with more, without
    `worker_disable_prefetch`. Either way messages are held unacknowledged while it waits for others.
    """
    with scene(tmp_path, *MIXED, rate=SLOW) as made:
        ids = new_ids(slices * IDS)
        job_id = made.stack.submit(ids)
        worker = made.work()
        with made.client() as client:
            until(lambda: client.zcard(keys.job(job_id, "claimed")) == min(slices, THREADS))
        for _ in range(2):
            made.more(10)
            made.real.restart()
        made.more(10)
        made.end(job_id)
        # Who dies of it finishes what it holds before, and takes nothing new.
        made.rests(made.stack.submit(new_ids(15)))
        assert worker.poll() is None
        check(made, job_id, ids)


def test_a_worker_that_reconnects_gets_no_copy_of_what_it_works_on(tmp_path: Path) -> None:
    """Fails with `task_acks_late`: each reconnect then brings a copy of each message in work."""
    with scene(tmp_path, *MIXED, rate=SLOW) as made:
        ids = new_ids(1500)
        worker = made.work(LOG_LEVEL="debug")
        job_id = made.stack.submit(ids)
        made.more(5)
        with made.client() as client:
            for connections in range(2, 5):
                until(lambda: "brpop" in [each["cmd"] for each in client.client_list()])
                client.client_kill_filter(_type="normal", skipme=True)
                until(lambda times=connections: lines(made.stack.log, "Starting event loop") == times)  # type: ignore[misc]
            assert made.state(job_id) == "running"
            made.end(job_id)
            assert messages_left(made) == 0
            assert client.hlen("unacked") == 0
        assert lines(made.stack.log, "received") == 1
        assert worker.poll() is None
        check(made, job_id, ids)


def is_noting(data: bytes) -> bool:
    """Kombu has taken a message off its queue, and is about to note it as unacknowledged."""
    return b"unacked_index" in data and b"ZADD" in data


def test_a_message_that_dies_with_a_plain_worker_is_gone(tmp_path: Path) -> None:
    """Kombu takes a message off the queue and notes it as unacknowledged in two steps: a kill between them
    leaves it nowhere, whatever is set.
    """
    late = {"task_acks_late": True, "task_reject_on_worker_lost": True}
    with valkey9() as real, tempfile.TemporaryDirectory(prefix="srv-", dir="/tmp") as home:
        plain = Plain(tmp_path, real.server.url, late)
        plain.send(1)
        with (
            proxy(Path(home) / "redis.sock", real.server.url, is_noting) as between,
            plain.worker(between.url) as doomed,
        ):
            assert between.stopped.wait(TIMEOUT)
            doomed.kill()
            doomed.wait()
        assert unacknowledged(real) == 0
        with sync_client(real.server.url) as client:
            assert client.llen(QUEUE) == 0
        assert plain.count("began") == 0


CLAIMING = sha1(source(Script.CLAIM).encode(), usedforsecurity=False).hexdigest().encode()


def is_claiming(data: bytes) -> bool:
    """A worker of ours has taken a message off its queue, which nothing notes, and claims its slice."""
    return CLAIMING in data


def test_a_message_that_died_with_a_worker_of_ours_is_sent_again(tmp_path: Path) -> None:
    """Fails without the sweep for what waits too long."""
    with (
        scene(tmp_path, *MIXED, rate=1000) as made,
        tempfile.TemporaryDirectory(prefix="srv-", dir="/tmp") as home,
    ):
        ids = new_ids(600)
        job_id = made.stack.submit(ids)
        with proxy(Path(home) / "redis.sock", made.real.server.url, is_claiming) as between:
            doomed = made.work(REDIS_URL=between.url)
            assert between.stopped.wait(TIMEOUT)
            made.destroy(doomed)
        with made.client() as client:
            assert (client.llen(queue_of(job_id)), client.exists("unacked")) == (0, 0)
            # It was so long ago that the message should have come to a worker.
            waiting = keys.job(job_id, "waiting")
            assert client.zadd(waiting, {"0": 1}, xx=True, ch=True) == 1
        made.work()
        made.rests(job_id)
        check(made, job_id, ids)


def test_a_worker_gives_its_slices_back_at_once_on_sigterm(tmp_path: Path) -> None:
    """Fails with the prefork pool, whose processes are not told and work on until their slices are done."""
    with scene(tmp_path, *MIXED, rate=SLOW) as made:
        ids = new_ids(2 * THREADS * IDS)
        worker = made.work()
        job_id = made.stack.submit(ids)
        made.more(20)
        sent = made.requests()
        assert made.terminate(worker) == 0
        # What was in flight, and what was granted and marked already.
        assert made.requests() - sent <= IN_FLIGHT + SLOW * 0.2
        assert made.stack.report(job_id)["counts"]["ambiguous"] == 0
        made.work()
        made.end(job_id)
        check(made, job_id, ids)
