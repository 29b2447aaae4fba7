"""A worker of another version ends in the middle of a slice, and one of this version is there."""

import io
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Final, cast

import pytest
import redis

from tests.e2e.stack import BULK_ACTIVATE, ORG, TOKEN, Process, environment, new_ids, until
from tests.faults.invariant import check
from tests.faults.scene import MIXED, Scene, scene
from worker.core.job import RECORD_VERSION
from worker.core.slices import BATCHES
from worker.store import keys

ROOT = Path(__file__).parents[2]

UNVERSIONED = "dd6da88"
"""Its workers note neither in which claim they wrote a slice, nor the version of the record."""


def older(commit: str, home: Path) -> Path:
    """The package as it was. A clone without its history fails the test: there would be nothing to show."""
    archive = subprocess.run(
        (str(shutil.which("git")), "archive", commit, "worker"), cwd=ROOT, capture_output=True, check=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        packed.extractall(home, filter="data")
    return home


OTHER: Final = "0"


def of_other_layout(home: Path) -> Path:
    """The program as it is, but for the version that its records say they are of."""
    for part in ("worker", "producers"):
        shutil.copytree(ROOT / part, home / part, ignore=shutil.ignore_patterns("__pycache__"))
    noted = (
        ("worker/core/job.py", f'"{RECORD_VERSION}"'),
        ("worker/store/scripts/prelude.lua", f"'{RECORD_VERSION}'"),
    )
    for name, version in noted:
        text = (home / name).read_text()
        line = next(
            line for line in text.splitlines() if "RECORD_VERSION" in line and line.endswith(f"= {version}")
        )
        (home / name).write_text(text.replace(line, line.replace(RECORD_VERSION, OTHER)))
    return home


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


def lines(made: Scene, words: str) -> int:
    return made.stack.log.read_text().count(words)


@pytest.mark.parametrize("killed", [False, True], ids=["told to end", "killed"])
@pytest.mark.parametrize("beside", [False, True], ids=["before", "beside"])
def test_what_it_began_is_ended_and_nothing_counts_as_lost(
    tmp_path: Path, *, beside: bool, killed: bool
) -> None:
    with scene(tmp_path, *MIXED, rate=40.0) as made:
        old = old_worker(made, older(UNVERSIONED, tmp_path / "old"))
        made.ready(1)
        ids = new_ids(15 * BATCHES * 6)
        job_id = made.stack.submit(ids)
        until(lambda: works(made, job_id, old))
        if beside:
            new = made.work()
            until(lambda: works(made, job_id, new))
        taken = 0
        if killed:
            with made.still() as unrecorded:
                made.destroy(old)
            taken = len(unrecorded)
        else:
            made.terminate(old)
        if not beside:
            made.work()
        made.more(10)
        made.end(job_id)
        check(made, job_id, ids, twice=taken)


def test_a_record_of_another_layout_is_left_as_it_is_when_its_worker_is_killed(tmp_path: Path) -> None:
    """A worker of this version beside it says so, once, and its status too; one like its own goes on."""
    with scene(tmp_path, *MIXED, rate=40.0) as made:
        package = of_other_layout(tmp_path / "other")
        other = old_worker(made, package)
        made.work()
        made.ready(2)
        ids = new_ids(15 * BATCHES * 3)
        submitted = subprocess.run(
            [BULK_ACTIVATE, "submit", "-", "--org", ORG],
            input="\n".join(ids).encode(),
            env=environment({"REDIS_URL": made.stack.redis_url}) | {"PYTHONPATH": str(package)},
            capture_output=True,
            check=True,
        )
        job_id = submitted.stdout.decode().strip()
        until(lambda: works(made, job_id, other))
        with made.still() as unrecorded:
            made.destroy(other)
        with made.client() as client:
            assert client.hget(keys.job(job_id), "record_version") == OTHER.encode()
            before = record(client, job_id)
            # Until it is forgotten who was killed: longer than a lease.
            made.rounds(1)
            assert record(client, job_id) == before
        assert lines(made, "job left to others: its record is of another version") == 1
        reason = made.stack.report(job_id)["state_reason"]
        assert (reason["code"], f"version '{OTHER}'" in reason["message"]) == ("other_record_version", True)
        old_worker(made, package)
        made.more(10)
        made.hurry()
        made.rests(job_id)
        with made.client() as client:
            # It is laid out as this version's, but for what it says.
            client.hset(keys.job(job_id), "record_version", RECORD_VERSION)
        check(made, job_id, ids, twice=len(unrecorded))
