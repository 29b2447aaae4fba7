"""Messages that somebody else put into the queue end no worker, stop no job, and do nothing."""

import base64
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from tests.e2e.stack import new_ids, until
from tests.faults.messages import junk, message
from tests.faults.scene import Scene, scene
from worker.queue.messages import QUEUE_NAMES, queue_of
from worker.store import keys

PIDBOX = "/0.celery.pidbox"


@contextmanager
def at_work(home: Path) -> Iterator[tuple[Scene, redis.Redis]]:
    with scene(home) as made:
        made.crew(1)
        with made.client() as client:
            yield made, client


def dropped(client: redis.Redis) -> int:
    return int(client.hget(keys.TOTALS, keys.DROPPED) or 0)


def works(made: Scene) -> None:
    """The worker that was there from the beginning does a job, and ends well when it is told to."""
    (worker,) = made.workers
    job_id = made.stack.submit(new_ids(45))
    made.rests(job_id)
    assert made.stack.report(job_id)["counts"]["activated"] == 45
    assert worker.poll() is None
    assert made.terminate(worker) == 0


def test_foreign_messages_are_dropped_logged_and_counted(tmp_path: Path) -> None:
    with at_work(tmp_path) as (made, client):
        bad = [data for _, data in junk()]
        for place, data in enumerate(bad):
            client.lpush(QUEUE_NAMES[place % len(QUEUE_NAMES)], data)
        until(lambda: dropped(client) == len(bad))
        log = made.stack.log.read_text()
        assert log.count("a message was dropped") == len(bad)
        assert "Traceback" not in log
        assert "os.system" not in log
        works(made)
        assert dropped(client) == len(bad)


def test_leftovers_in_the_keys_of_celery_do_nothing(tmp_path: Path) -> None:
    with at_work(tmp_path) as (made, client):
        for tag in (b"\xff", b"tag", b"again"):
            client.zadd("unacked_index", {tag: 1})
            client.hset("unacked", tag, json.dumps([message(), "", QUEUE_NAMES[0]]))
        client.hset("unacked", "again", b"\xff junk")
        tables = [str(name, "ascii") for name in client.keys("_kombu.binding.*")]  # type: ignore[arg-type]
        assert tables
        for table in (*tables, *(f"_kombu.binding.{name}" for name in QUEUE_NAMES), "_kombu.binding."):
            client.sadd(table, b"\xff\xfe", b"junk", b"a\x06\x16b\x06\x16c\x06\x16d\x06\x16e")
        works(made)
        assert client.hlen("unacked") == 3
        assert dropped(client) == 0


def test_keys_of_a_wrong_type_stop_neither_a_worker_nor_its_start(tmp_path: Path) -> None:
    with at_work(tmp_path) as (made, client):
        for key in (*QUEUE_NAMES[::2], "unacked", "unacked_index"):
            client.delete(key)
            client.set(key, "no list")
        until(lambda: dropped(client) > 0)
        works(made)
        for table in client.keys("_kombu.binding.*"):
            client.delete(table)
            client.set(table, "no set")
        made.crew(1)
        works(made)


def test_broadcasts_that_are_none_and_orders_that_change_something_do_nothing(tmp_path: Path) -> None:
    with at_work(tmp_path) as (made, client):
        for data in [data for _, data in junk() if data]:
            # Some of it costs the worker its connection: what is broadcast before it is back reaches nobody.
            until(lambda data=data: client.publish(PIDBOX, data) > 0)  # type: ignore[misc]
        client.publish("/0.celery.pidbox/odd", b"x")
        for order in ("shutdown", "pool_restart", "pool_shrink", "cancel_consumer", "objgraph", "no_such"):
            body = json.dumps({"method": order, "arguments": {"queue": QUEUE_NAMES[0]}, "destination": None})
            made_up = message(body=base64.b64encode(body.encode()).decode(), headers={"clock": 10**4000})
            wanted = f"pidbox command error: KeyError('{order}')"

            def refused(data: str = json.dumps(made_up), wanted: str = wanted) -> bool:
                client.publish(PIDBOX, data)
                return wanted in made.stack.log.read_text()

            until(refused)
        works(made)


def test_a_forged_message_wakes_a_worker_and_orders_nothing_else(tmp_path: Path) -> None:
    """The job's own messages are taken away: all that is left are those with orders in them."""
    with scene(tmp_path) as made, made.client() as client:
        job_id = made.stack.submit(new_ids(45))
        client.delete(queue_of(job_id))
        kwargs = {"job_id": job_id, "slice_no": 0, "size": 45}
        evil = {"task": "bulk_activation.run_slice", "args": [], "kwargs": kwargs, "options": {}}
        embed = {"callbacks": [evil], "errbacks": [evil], "chain": [evil], "chord": evil}
        body = base64.b64encode(json.dumps([[], kwargs, embed]).encode()).decode()
        for headers in (
            {"eta": "2999-01-01T00:00:00+00:00"},
            {"expires": "2000-01-01T00:00:00+00:00"},
            {"eta": "nonsense", "timelimit": ["a", "b"], "retries": "x", "stamped_headers": 7},
        ):
            client.lpush(queue_of(job_id), json.dumps(message(body=body, headers=headers)))
        properties = {"reply_to": "stolen", "delivery_info": {"exchange": "x", "routing_key": "stolen"}}
        client.lpush(queue_of(job_id), json.dumps(message(body=body, properties=properties)))
        made.crew(1)
        made.rests(job_id)
        # Well before a sweep sends a lost message again.
        until(lambda: client.llen(queue_of(job_id)) == 0)
        assert client.exists("stolen") == 0
        assert made.stack.report(job_id)["counts"]["activated"] == 45
        assert dropped(client) == 0
        works(made)


def test_a_message_for_a_slice_that_a_job_has_not_changes_nothing(tmp_path: Path) -> None:
    with at_work(tmp_path) as (made, client):
        made.stack.cli("set-rate", "6d4a2f0e-7a1b-4c5d-9e8f-0a1b2c3d4e5f", "1", API_URL=made.api.url)
        job_id = made.stack.submit(new_ids(150))
        made.more(1)
        forged = message({"job_id": job_id, "slice_no": 999, "size": 15})
        client.lpush(queue_of(job_id), json.dumps(forged))
        until(lambda: client.llen(queue_of(job_id)) == 0)
        made.rounds(2)
        made.end(job_id)
        assert made.stack.report(job_id)["counts"]["activated"] == 150
        works(made)


def test_a_stack_dump_shows_stacks_and_no_values(tmp_path: Path) -> None:
    with scene(tmp_path, "--latency", "200") as made:
        job_id, ids = made.begin(200)
        (worker,) = made.workers
        os.kill(worker.pid, signal.SIGUSR1)
        os.kill(worker.pid, signal.SIGUSR2)
        until(lambda: "Current thread 0x" in made.stack.log.read_text())
        until(lambda: made.stack.log.read_text().count('File "') > 20)
        made.more(5)
        log = made.stack.log.read_text()
        assert "engine/" in log or "asyncio" in log
        assert "Bearer" not in log
        assert not any(token_id in log for token_id in ids)
        made.end(job_id)
        os.kill(worker.pid, signal.SIGHUP)
        assert worker.wait(30) == 0
        made.forget(worker)
