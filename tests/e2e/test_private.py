"""Files that processes leave on a machine are private to their owner."""

import signal
import stat
import subprocess
from pathlib import Path

import psutil

from tests.e2e.stack import (
    BULK_ACTIVATE,
    ORG,
    TIMEOUT,
    TOKEN,
    Simulator,
    Stack,
    cli,
    environment,
    new_ids,
    until,
)
from worker.store.connect import sync_client
from worker.store.jobs import JobStore

UMASK_OF_MANY = 0o022
"""As most shells have it: what is made is for everybody to read."""


def test_what_a_run_leaves_is_its_owners_alone(api: Simulator, tmp_path: Path) -> None:
    listed = tmp_path / "ids.txt"
    listed.write_text("\n".join(new_ids(60)))
    state, output = tmp_path / "state", tmp_path / "results"
    settings = {"API_URL": api.url, "API_TOKEN": TOKEN, "STATE_DIR": str(state)}
    # Not forked off another process, which has a mask of its own.
    done = subprocess.run(
        [BULK_ACTIVATE, "run", str(listed), "--org", ORG, "--output", str(output)],
        env=environment(settings),
        umask=UMASK_OF_MANY,
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode in {0, 3}, done.stderr
    made = [path for folder in (state, output) for path in (folder, *folder.rglob("*"))]
    assert {"worker.log", "redis-supervisor.log", "results.csv", "manifest.json"} <= {
        path.name for path in made
    }
    shared = [path for path in made if not path.is_socket() and stat.S_IMODE(path.stat().st_mode) & 0o077]
    assert shared == []


def test_a_log_that_others_could_read_is_closed_to_them(api: Simulator, tmp_path: Path) -> None:
    listed = tmp_path / "ids.txt"
    listed.write_text("\n".join(new_ids(15)))
    state = tmp_path / "state"
    state.mkdir()
    log = state / "worker.log"
    log.touch(0o644)
    settings = {"API_URL": api.url, "API_TOKEN": TOKEN, "STATE_DIR": str(state)}
    done = cli("run", str(listed), "--org", ORG, "--output", str(tmp_path / "out"), **settings)
    assert done.code in {0, 3}, done.err
    assert log.stat().st_size > 0
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_a_worker_that_crashes_leaves_no_image(stack: Stack, api: Simulator) -> None:
    worker = stack.worker(api)
    with sync_client(stack.redis_url) as client:
        until(lambda: JobStore(client).live_workers(10_000) > 0)
    assert psutil.Process(worker.pid).rlimit(psutil.RLIMIT_CORE) == (0, 0)
    worker.send_signal(signal.SIGABRT)
    assert worker.wait() == -signal.SIGABRT
    assert not list(Path.cwd().glob("core*"))
