"""The submitter is killed at the worst moments: no half job ever runs, and nothing of it stays for ever."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import cast

from tests.e2e.stack import BULK_ACTIVATE, ORG, TIMEOUT, new_ids, until
from tests.faults.invariant import check
from tests.faults.proxy import proxy
from tests.faults.scene import Scene, scene
from worker.store import keys
from worker.store.script_args import ABANDONED_MS


def killed_at(made: Scene, ids: list[str], moment: Callable[[bytes], bool]) -> tuple[str, str]:
    """Submits `ids` and kills the submitter at that moment of its talk with Redis: (job id, list's path)."""
    path = made.stack.home / "ids.txt"
    path.write_text("\n".join(ids))
    command = [BULK_ACTIVATE, "submit", str(path), "--org", ORG, "--request-id", "incident"]
    # Not tmp_path: its names are too long for a socket.
    with (
        tempfile.TemporaryDirectory(prefix="srv-", dir="/tmp") as home,
        proxy(Path(home) / "redis.sock", made.real.server.url, moment) as between,
    ):
        doomed = made.stack.start(command, REDIS_URL=between.url)
        assert between.stopped.wait(TIMEOUT)
        doomed.kill()
        doomed.wait()
    made.stack.children.remove(doomed)
    with made.client() as client:
        (job_id,) = cast("list[bytes]", client.zrange(keys.JOBS, 0, -1))
    return job_id.decode(), str(path)


def stored(made: Scene) -> int:
    with made.client() as client:
        return len(client.keys("bulk:*:ids:*"))


def test_killed_in_the_middle_of_the_upload(tmp_path: Path) -> None:
    with scene(tmp_path, rate=1000) as made:
        ids = new_ids(50_000)
        made.work()
        made.ready(1)

        # Sixteen of the eighteen slices are stored, the rest is on its way.
        job_id, path = killed_at(made, ids, lambda data: b"\r\nids\r\n" in data and stored(made) > 0)
        assert stored(made) == 16
        made.rounds(3)
        assert made.state(job_id) == "preparing"
        assert made.requests() == 0

        # The same request makes the job whole.
        again = made.stack.cli("submit", path, "--org", ORG, "--request-id", "incident")
        assert (again.code, again.out.strip()) == (0, job_id), again.err
        until(lambda: made.state(job_id) != "preparing")
        assert made.stack.cli("cancel", job_id).code == 0
        until(lambda: made.state(job_id) == "cancelled")
        counts = made.stack.report(job_id)["counts"]
        assert (counts["total"], sum(counts.values())) == (50_000, 100_000)
        assert made.stack.cli("verify", job_id).code == 0


def test_the_upload_of_a_killed_submitter_is_removed(tmp_path: Path) -> None:
    with scene(tmp_path, rate=1000) as made:
        made.work()
        made.ready(1)
        job_id, _ = killed_at(made, new_ids(50_000), lambda data: b"\r\nids\r\n" in data and stored(made) > 0)
        with made.client() as client:
            # As if that had been a while ago.
            age = ABANDONED_MS + 1000
            then = int(client.hget(keys.job(job_id), "created_ms") or 0) - age
            client.hset(keys.job(job_id), mapping={"created_ms": then, "upload_ms": then})
            until(lambda: not client.keys("bulk:{*") and not client.keys("bulk:request:*"))
            assert client.smembers(keys.LIVE) == set()
        assert made.requests() == 0


def test_killed_between_storing_and_enqueuing(tmp_path: Path) -> None:
    with scene(tmp_path, rate=1000) as made:
        ids = new_ids(3000)
        job_id, _ = killed_at(made, ids, lambda data: b"LPUSH" in data)
        assert made.state(job_id) == "queued"
        with made.client() as client:
            # No worker was woken: a sweep finds that out, after a while that is over now.
            slices = cast("list[bytes]", client.zrange(keys.job(job_id, "waiting"), 0, -1))
            client.zadd(keys.job(job_id, "waiting"), dict.fromkeys(slices, 1.0))
        made.work()
        made.rests(job_id)
        check(made, job_id, ids)
