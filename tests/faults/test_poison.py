"""Slices that kill workers: tried in a process of their own, then set aside, while the job goes on."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import cast

import psutil

from tests.e2e.stack import new_ids
from tests.faults.scene import Scene, scene
from worker.core.batches.slices import IDS
from worker.store import keys

POISON = 1
"""The slice."""


@contextmanager
def deadly(made: Scene, job_id: str, most: int) -> Iterator[list[list[str]]]:
    """Whatever process claims the slice dies at once, the first `most` times; their command lines."""
    dead: list[list[str]] = []
    over = threading.Event()

    def watch() -> None:
        seen: bytes | None = None
        slice_key, claimed = keys.of_slice(job_id, "slice", POISON), keys.job(job_id, "claimed")
        with made.client() as client:
            while len(dead) < most and not over.is_set():
                claim, worker = cast("list[bytes | None]", client.hmget(slice_key, "claim", "worker"))
                if claim in {None, seen} or worker is None or client.zscore(claimed, str(POISON)) is None:
                    over.wait(0.002)
                    continue
                seen = claim
                pid = int(worker.decode().rsplit(":", 1)[1])
                # Who dies of it sees no second claim of the same process: its name may still stand there.
                with suppress(psutil.NoSuchProcess):
                    dead.append(psutil.Process(pid).cmdline())
                    os.kill(pid, signal.SIGKILL)
                # Its lease runs out at once, not only after seconds.
                client.zadd(claimed, {str(POISON): 1}, xx=True)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield dead
    finally:
        over.set()
        watcher.join()


def is_lone(command: list[str]) -> bool:
    return "slice" in command


SLOW_ANSWERS = ("--latency", "400")
"""Milliseconds: who is killed at its claim has no outcome by then."""


def test_a_slice_that_kills_its_worker_is_set_aside_and_all_others_are_done(tmp_path: Path) -> None:
    with scene(tmp_path, *SLOW_ANSWERS, rate=1000) as made:
        ids = new_ids(2 * IDS + 150)
        job_id = made.stack.submit(ids)
        with deadly(made, job_id, most=10) as dead:
            worker = made.work(2, CONCURRENCY="64")
            made.rests(job_id)
        assert [is_lone(command) for command in dead] == [False, False, False, True]
        # The parent of its workers, which started others, and whoever ran the lone one.
        assert worker.poll() is None
        rows, world = made.stack.rows(job_id), made.api.world()
        aside, others = rows[IDS : 2 * IDS], rows[:IDS] + rows[2 * IDS :]
        assert {row["outcome"] for row in others} == {"activated"}
        assert {row["reason"] for row in aside} == {"WORKER_DIED"}
        assert {row["outcome"] for row in aside} <= {"unknown", "not_attempted"}
        assert all(row["outcome"] == "unknown" for row in aside if row["id"] in world)
        report = made.stack.report(job_id)
        assert (report["state"], report["outcome"]) == ("completed", "partially_succeeded")
        assert sum(group["count"] for group in report["failures"]) == IDS
        assert made.stack.cli("verify", job_id).code == 0


def test_a_slice_that_was_only_unlucky_is_finished_by_its_lone_process(tmp_path: Path) -> None:
    with scene(tmp_path, *SLOW_ANSWERS, rate=1000) as made:
        ids = new_ids(IDS + 600)
        job_id = made.stack.submit(ids)
        with deadly(made, job_id, most=3) as dead:
            made.work(2, CONCURRENCY="64")
            made.rests(job_id)
        assert [is_lone(command) for command in dead] == [False] * 3
        assert "slice is run in a process of its own" in made.stack.log.read_text()
        assert {row["outcome"] for row in made.stack.rows(job_id)} == {"activated"}
        assert made.stack.cli("verify", job_id).code == 0
