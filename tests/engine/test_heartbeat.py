"""The heartbeat file is young while a worker works, and grows old when its loop or a process of it hangs."""

import asyncio
import os
import re
import signal
from itertools import pairwise
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.api.waiting import until
from tests.e2e.stack import Stack, simulator
from tests.e2e.stack import until as until_seen
from tests.engine.fleet import fleet
from tests.engine.jobs import Jobs
from tests.servers import RealServer
from worker.core.errors import BadSettingError
from worker.process import heartbeat
from worker.process.heartbeat import BEAT_SECONDS, FRESH_SECONDS, Health, Heartbeat, all_fresh
from worker.store import keys


def make_old(*files: Path) -> None:
    """As if nobody had touched them for long."""
    for file in files:
        os.utime(file, (0, 0))


async def test_a_loop_that_runs_touches_the_file_and_its_end_removes_it(tmp_path: Path) -> None:
    file = tmp_path / "heartbeat"
    beat = Heartbeat(file, lambda: Health(True, "well"))
    await until(file.exists)
    make_old(file)
    await until(lambda: file.stat().st_mtime > 0)
    await beat.close()
    assert not file.exists()


async def test_nothing_is_written_while_the_process_is_not_well(tmp_path: Path) -> None:
    file = tmp_path / "heartbeat"
    looks: list[Health] = []

    def look() -> Health:
        looks.append(Health(False, "the consumer is silent"))
        return looks[-1]

    beat = Heartbeat(file, look)
    await until(lambda: len(looks) > 1)
    assert not file.exists()
    await beat.close()


async def test_a_task_that_fails_is_named_and_one_that_ended_stops_the_heartbeat(
    tmp_path: Path, jobs: Jobs, redis_url: str
) -> None:
    file = tmp_path / "heartbeat"
    async with fleet(redis_url, "http://127.0.0.1:1") as workers:
        with capture_logs() as logs:
            workers.start(heartbeat_file=file)
            await until(file.exists)
            jobs.client.set(keys.LIVE, "of another type")
            await until(lambda: "; the sweep fails (" in file.read_text())
            make_old(file)
            await until(lambda: file.stat().st_mtime > 0)
            jobs.client.delete(keys.LIVE)
            await until(lambda: "the sweep" not in file.read_text())
            (sweep,) = [task for task in asyncio.all_tasks() if task.get_name() == "the sweep"]
            sweep.cancel()
            await until(lambda: any("no heartbeat" in entry["event"] for entry in logs))
            make_old(file)
            await asyncio.sleep(1.5 * BEAT_SECONDS)
        assert file.stat().st_mtime == 0
        (said,) = [entry for entry in logs if "no heartbeat" in entry["event"]]
        assert said["why"].endswith("; the sweep stopped")


def test_a_worker_hears_its_consumer_and_says_that_redis_is_away(tmp_path: Path, real: RealServer) -> None:
    file = tmp_path / "heartbeat"
    with Stack(tmp_path, real.server.url) as stack, simulator() as api:
        stack.worker(api, HEARTBEAT_FILE=str(file))
        until_seen(file.exists)
        ages: list[float] = []

        def heard_again() -> bool:
            # The age falls only when the consumer is heard.
            ages.extend(
                float(age) for age in re.findall(r"heard ([\d.]+) s ago; Redis answers", file.read_text())
            )
            return any(later < earlier for earlier, later in pairwise(ages))

        until_seen(heard_again)
        real.stop()
        try:
            until_seen(lambda: "does not answer" in file.read_text())
            # It lives, and waits.
            make_old(file)
            until_seen(lambda: file.stat().st_mtime > 0)
        finally:
            real.start()
        until_seen(lambda: "Redis answers" in file.read_text())


def test_a_file_that_cannot_be_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(BadSettingError, match="make that folder"):
        heartbeat.prepare(tmp_path / "nowhere" / "heartbeat")
    with pytest.raises(BadSettingError, match="HEARTBEAT_FILE: cannot replace"):
        heartbeat.prepare(tmp_path)


def test_what_a_process_before_left_is_no_sign_of_life(tmp_path: Path) -> None:
    file = tmp_path / "heartbeat"
    file.touch()
    heartbeat.prepare(file)
    assert not file.exists()


def test_all_beat_only_where_every_file_is_there_and_young(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.touch()
    now = one.stat().st_mtime
    assert all_fresh([one], now + FRESH_SECONDS)
    assert not all_fresh([one], now + FRESH_SECONDS + 1)
    assert not all_fresh([one, other], now)


def test_a_worker_of_two_processes_beats_until_one_of_them_hangs(tmp_path: Path, real: RealServer) -> None:
    file = tmp_path / "heartbeat"
    parts = [tmp_path / "heartbeat.0", tmp_path / "heartbeat.1"]
    with Stack(tmp_path, real.server.url) as stack, simulator() as api:
        stack.worker(api, "--concurrency", "2", HEARTBEAT_FILE=str(file))
        until_seen(file.exists)
        make_old(file)
        until_seen(lambda: file.stat().st_mtime > 0)
        # One process stops: its file stays as old as it is made, and the other's is touched again.
        children = [int(line) for line in children_of(stack.children[0].pid)]
        os.kill(children[0], signal.SIGSTOP)
        try:
            make_old(*parts)
            until_seen(lambda: any(part.stat().st_mtime > 0 for part in parts))
            make_old(file)
            young = next(part for part in parts if part.stat().st_mtime > 0)
            make_old(young)
            until_seen(lambda: young.stat().st_mtime > 0)
            assert file.stat().st_mtime == 0
        finally:
            os.kill(children[0], signal.SIGCONT)
    assert not file.exists()
    assert not any(part.exists() for part in parts)


def children_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
