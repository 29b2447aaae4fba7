"""Redis stops, pauses, dies, fills up, forgets or refuses in the middle of a job."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.e2e.stack import ORG, new_ids, until
from tests.faults.faults import busy
from tests.faults.invariant import check
from tests.faults.scene import IN_FLIGHT, MIXED, Scene, scene
from tests.monitoring.scrapes import exporter
from worker.core.batches.batch import MAX_BATCH

RATE = 40.0
Outage = Callable[[Scene], AbstractContextManager[None]]

PATIENT = 6
"""Tries after which a worker has waited for longer than its lease lasts."""


def worker_waits(made: Scene, since: int, attempts: int) -> None:
    """Waits until a worker has said so often, behind place `since` of the log, that it cannot use Redis."""

    def said() -> bool:
        with made.stack.log.open("rb") as log:
            log.seek(since)
            return f'"attempt": {attempts},'.encode() in log.read()

    until(said)


@contextmanager
def stopped(made: Scene) -> Iterator[None]:
    with made.real.paused():
        yield


@contextmanager
def restarted(made: Scene) -> Iterator[None]:
    made.real.stop()
    yield
    made.real.start()


@contextmanager
def killed(made: Scene) -> Iterator[None]:
    made.real.kill()
    yield
    made.real.start()


@contextmanager
def full(made: Scene) -> Iterator[None]:
    with made.client() as client:
        client.config_set("maxmemory", "1mb")
        yield
        client.config_set("maxmemory", "0")


@contextmanager
def replica(made: Scene) -> Iterator[None]:
    with made.client() as client:
        client.execute_command("REPLICAOF", "127.0.0.1", "1")  # type: ignore[no-untyped-call]
        yield
        client.execute_command("REPLICAOF", "NO", "ONE")  # type: ignore[no-untyped-call]


@contextmanager
def unsaved(made: Scene) -> Iterator[None]:
    """Its last snapshot failed, since a folder stands where the file belongs, and it takes no writes."""
    obstacle = made.real.home / "dump.rdb"
    with made.client() as client:
        client.config_set("save", "3600 1")
        client.config_set("stop-writes-on-bgsave-error", "yes")
        obstacle.unlink(missing_ok=True)
        obstacle.mkdir()
        client.bgsave()
        until(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err")
        yield
        obstacle.rmdir()
        client.config_set("save", "")
        client.config_set("stop-writes-on-bgsave-error", "no")


@pytest.mark.parametrize(
    ("outage", "attempts", "another"),
    # A server that stands still answers nothing: a try ends by its time-out, of seconds.
    [
        (stopped, 1, None),
        (killed, PATIENT, restarted),
        (full, PATIENT, replica),
        (busy, PATIENT, None),
        (unsaved, PATIENT, None),
    ],
)
def test_what_workers_hold_outlives_an_outage_longer_than_a_lease_and_nothing_is_sent_twice(
    tmp_path: Path, outage: Outage, attempts: int, another: Outage | None
) -> None:
    """`another` looks the same to a worker, and need not last as long."""
    with scene(tmp_path, *MIXED, rate=RATE) as made:
        # One of them finds nothing to do, and waits for messages.
        job_id, ids = made.begin(300, workers=3)
        strikes = [(outage, attempts)] + ([(another, 2)] if another else [])
        for strike, tries in strikes:
            since = made.stack.log.stat().st_size
            with strike(made):
                worker_waits(made, since, 1)
                sent = made.requests()
                worker_waits(made, since, tries)
                # A run of slots that was granted already, at most.
                assert made.requests() - sent <= RATE * 0.2
            made.more(20)
        made.end(job_id)
        assert [worker.poll() for worker in made.workers] == [None] * 3
        check(made, job_id, ids)


def test_clients_that_are_paused_wait_and_nothing_is_sent_twice(tmp_path: Path) -> None:
    with scene(tmp_path, *MIXED, rate=RATE) as made:
        job_id, ids = made.begin(200)
        with made.client() as client:
            client.client_pause(4000)
            # Answered when the pause is over.
            client.ping()
        made.end(job_id)
        check(made, job_id, ids)


def test_connections_that_are_cut_again_and_again_and_forgotten_scripts_cost_nothing(tmp_path: Path) -> None:
    with scene(tmp_path, *MIXED, rate=RATE) as made:
        job_id, ids = made.begin(300, requests=1)
        with made.client() as client:
            for _ in range(5):
                made.more(15)
                client.client_kill_filter(_type="normal", skipme=True)
                client.script_flush()
        made.end(job_id)
        assert made.workers[0].poll() is None
        # A request that waits for its slot may find its claim renewed late, never lost.
        check(made, job_id, ids)


def test_a_power_loss_of_redis_confuses_the_last_second_and_loses_no_id(tmp_path: Path) -> None:
    """What was written in the last second did not reach the disk: `appendfsync everysec`."""
    with scene(tmp_path, "--latency", "20", rate=RATE) as made:
        job_id, ids = made.begin(200)
        kept, sent = made.real.written(), made.requests()
        made.more(30)
        made.real.lose_power(kept)
        forgotten = MAX_BATCH * (made.requests() - sent) + made.in_hand()
        made.real.start()
        made.end(job_id)
        found = check(made, job_id, ids, twice=forgotten, confused=forgotten)
        # The loss was real.
        assert found["sent_again"] > 0


def test_a_redis_that_comes_back_empty_is_said_and_the_next_job_is_done(tmp_path: Path) -> None:
    with scene(tmp_path, "--latency", "20", rate=RATE) as made:
        made.begin(150)
        made.real.kill()
        made.real.lose_data()
        made.real.start()

        def errors() -> list[str]:
            """Ours; Celery has some of its own while it cannot connect."""
            lines = map(json.loads, made.stack.log.read_text().splitlines())
            return [
                line["event"]
                for line in lines
                if line["level"] == "error" and not line["event"].startswith("consumer: ")
            ]

        until(lambda: errors() != [])
        following = made.stack.submit(new_ids(45))
        made.rests(following)
        assert made.stack.report(following)["counts"]["activated"] == 45
        assert made.workers[0].poll() is None
        # Said at the first commit, and of answers that came after it.
        (said,) = {*errors()}
        assert said.startswith("the job is gone from Redis")
        assert len(errors()) <= IN_FLIGHT


@pytest.mark.parametrize(
    ("outage", "code", "metric"),
    [
        (full, "store_full", None),
        (replica, "store_read_only", None),
        (unsaved, "store_cannot_save", "redis_writes_failing"),
    ],
)
def test_a_store_that_takes_nothing_is_named_and_can_be_read(
    tmp_path: Path, outage: Outage, code: str, metric: str | None
) -> None:
    with scene(tmp_path, rate=RATE) as made, exporter(made.real.server.url) as shown:
        job_id = made.stack.submit(new_ids(15 * 10))
        with outage(made):
            assert shown.value("redis_up") == 1
            until(lambda: metric is None or shown.value(metric) == 1)
            page = str(tmp_path / "page.html")
            for words in (
                ("list",),
                ("results", job_id),
                ("verify", job_id),
                ("report", job_id, "--output", page),
            ):
                read = made.stack.cli(*words)
                assert read.code == 0, read.err
            report = json.loads(made.stack.cli("status", job_id, "-o", "json").out)
            assert (report["state"], report["state_reason"]["code"]) == ("queued", code)
            refused = made.stack.cli("submit", "-", "--org", ORG, given="an-id")
            assert refused.code == 7, refused.err
            assert refused.err.startswith("Error: Redis at ")
        assert made.stack.report(job_id)["state_reason"]["code"] is None
