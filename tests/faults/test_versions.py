"""Workers of this and of the previous version on one Redis: each works on the jobs of its own."""

import io
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Final, cast

import pytest
import redis

from tests.e2e.stack import ORG, TOKEN, Process, environment, new_ids, until
from tests.faults.invariant import check
from tests.faults.scene import MIXED, Scene, scene
from worker.core.batches.slices import BATCHES
from worker.store import keys

ROOT = Path(__file__).parents[2]

PREVIOUS: Final = "27c4185d66f9"
"""The last commit whose records are of the version before this one's."""
ITS_VERSION: Final = "1"
ITS_COMMAND: Final = "from producers import cli; cli.main()"


def previous(home: Path) -> Path:
    """The program as it was, out of the history: skipped without one, but in CI, where it has to be there."""
    found = subprocess.run(
        (str(shutil.which("git")), "archive", PREVIOUS, "worker", "producers"),
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if found.returncode != 0:
        assert not os.environ.get("CI"), f"fetch the whole history: {found.stderr.decode()}"
        pytest.skip(f"commit {PREVIOUS} is not in this clone")
    with tarfile.open(fileobj=io.BytesIO(found.stdout)) as packed:
        packed.extractall(home, filter="data")
    return home


def submit(made: Scene, package: Path, ids: list[str]) -> str:
    done = subprocess.run(
        [sys.executable, "-P", "-c", ITS_COMMAND, "submit", "-", "--org", ORG],
        input="\n".join(ids).encode(),
        env=environment({"REDIS_URL": made.stack.redis_url}) | {"PYTHONPATH": str(package)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


def old_worker(made: Scene, package: Path) -> Process:
    made.stack.outer = {"PYTHONPATH": str(package)}
    worker = made.stack.start(
        [sys.executable, "-P", "-m", "worker", "worker"],
        API_URL=made.api.url,
        API_TOKEN=TOKEN,
        RATE=str(made.rate),
        CONCURRENCY="8",
    )
    made.stack.outer = {}
    made.workers.append(worker)
    made.sizes[worker.pid] = 1
    return worker


def works(made: Scene, job_id: str, worker: Process) -> bool:
    """Whether `worker` has recorded something of a slice that it has in work."""
    with made.client() as client:
        for number in cast("list[bytes]", client.zrange(keys.job(job_id, "claimed"), 0, -1)):
            fields = cast("dict[bytes, bytes]", client.hgetall(keys.of_slice(job_id, "slice", int(number))))
            who, seq = fields.get(b"worker", b""), fields.get(b"seq", b"0")
            if who.decode().endswith(f":{worker.pid}") and int(seq) > 1:
                return True
    return False


def record(client: redis.Redis, job_id: str) -> dict[bytes, object]:
    names = cast("list[bytes]", client.keys(f"bulk:{{{job_id}}}:*"))
    return {name: client.dump(name) for name in names}


def said(made: Scene, words: str, job_id: str) -> int:
    """How often a worker said so of the job."""
    return sum(words in line and job_id in line for line in made.stack.log.read_text().splitlines())


@pytest.mark.parametrize("killed", [False, True], ids=["told to end", "killed"])
def test_each_version_ends_its_own_jobs_and_leaves_the_other_s_as_they_are(
    tmp_path: Path, *, killed: bool
) -> None:
    """Though their worker is gone; a worker of this version says so, once, and so do its commands."""
    with scene(tmp_path, *MIXED, rate=40.0) as made:
        package = previous(tmp_path / "previous")
        old, new = old_worker(made, package), made.work()
        made.ready(2)
        theirs, ours = new_ids(15 * BATCHES * 2), new_ids(15 * BATCHES * 2)
        old_job, new_job = submit(made, package, theirs), made.stack.submit(ours)
        until(lambda: works(made, old_job, old) and works(made, new_job, new))
        with made.still() as unrecorded:
            if killed:
                made.destroy(old)
        if not killed:
            made.terminate(old)
        with made.client() as client:
            assert client.hget(keys.job(old_job), "record_version") == ITS_VERSION.encode()
            before = record(client, old_job)
            # Until it is forgotten who is gone: longer than a lease.
            made.rounds(1)
            for command in ("cancel", "pause", "purge"):
                done = made.stack.cli(command, old_job)
                assert (done.code, done.out) == (2, ""), done.err
            assert record(client, old_job) == before
        assert f"version '{ITS_VERSION}'" in made.stack.cli("cancel", old_job).err
        assert said(made, "job left to others: its record is of another version", old_job) == 1
        reason = made.stack.report(old_job)["state_reason"]
        assert (reason["code"], f"version '{ITS_VERSION}'" in reason["message"]) == (
            "other_record_version",
            True,
        )
        old_worker(made, package)
        made.more(10)
        made.hurry()
        # Side by side, each takes every other message, also of the other's jobs: sent again after 15 s.
        made.rests(new_job, timeout=12 * 15)
        made.terminate(new)
        made.rests(old_job)
        check(made, new_job, ours, twice=0)
        # What the other version recorded is read by this one, and removed without a rest.
        check(made, old_job, theirs, twice=len(unrecorded & set(theirs)) if killed else 0)
        assert made.stack.cli("purge", old_job).code == 0
        with made.client() as client:
            assert client.keys(f"bulk:{{{old_job}}}:*") == []
