"""A worker of an older version leaves in the middle of a slice, and one of this version goes on."""

import io
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from tests.e2e.stack import TOKEN, new_ids
from tests.faults.invariant import check
from tests.faults.scene import MIXED, Process, Scene, scene

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


def test_what_it_began_is_ended_and_nothing_counts_as_lost(tmp_path: Path) -> None:
    with scene(tmp_path, *MIXED, rate=40.0) as made:
        old = old_worker(made, older(UNVERSIONED, tmp_path / "old"))
        ids = new_ids(15 * 120)
        job_id = made.stack.submit(ids)
        made.more(40)
        made.terminate(old)
        made.work()
        made.more(10)
        made.end(job_id)
        check(made, job_id, ids)
