"""`run` is interrupted, then all is killed and the disk lost the last second: started again, it completes."""

import csv
import os
import signal
import subprocess
from pathlib import Path

import psutil

from tests.e2e.stack import (
    BULK_ACTIVATE,
    ORG,
    TIMEOUT,
    TOKEN,
    Simulator,
    cli,
    environment,
    interrupt,
    new_ids,
    simulator,
    until,
)
from tests.faults.invariant import contradiction
from worker.core.batches.batch import MAX_BATCH


def more(api: Simulator, requests: int) -> None:
    seen = api.stats()["requests"]
    until(lambda: api.stats()["requests"] >= seen + requests)


def test_interrupted_then_struck_by_a_power_loss_it_resumes_and_its_results_are_complete(
    tmp_path: Path,
) -> None:
    ids = new_ids(15 * 200)
    path, output, state = tmp_path / "ids.txt", tmp_path / "out", tmp_path / "state"
    path.write_text("\n".join(ids))
    command = [BULK_ACTIVATE, "run", str(path), "--org", ORG, "--output", str(output)]
    with simulator("--fail", "0.05", "--latency", "20") as api:
        settings = {"API_URL": api.url, "API_TOKEN": TOKEN, "STATE_DIR": str(state), "CONCURRENCY": "8"}

        def started() -> "subprocess.Popen[bytes]":
            return subprocess.Popen(
                command,
                env=environment(settings | {"RATE": "20"}),
                stdin=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

        with started() as first:
            more(api, 10)
            interrupt(first)
            assert first.wait(TIMEOUT) == 130
        assert {entry["sent"] for entry in api.world().values()} == {1}

        with started() as second:
            more(api, 10)
            family = [psutil.Process(second.pid), *psutil.Process(second.pid).children(recursive=True)]
            written = {aof: aof.stat().st_size for aof in state.rglob("*.incr.aof")}
            assert written
            known = api.stats()["requests"]
            more(api, 10)
            for process in family:
                os.kill(process.pid, signal.SIGKILL)
        psutil.wait_procs(family, TIMEOUT)
        for aof, size in written.items():
            os.truncate(aof, size)
        forgotten = MAX_BATCH * (api.stats()["requests"] - known + 8 + 20)

        done = cli(*command[1:], **settings, RATE="500")
        assert done.code == 3, done.err
        assert "Resuming job" in done.err
        assert cli("verify", "--folder", str(output)).code == 0
        with (output / "results.csv").open() as file:
            rows = list(csv.DictReader(file))
        world = api.world()
        assert [row["id"] for row in rows] == ids
        wrong = [why for row in rows if (why := contradiction(row, world[row["id"]]))]
        assert set(wrong) <= {"already active, activated by us"}
        assert len(wrong) <= forgotten
        assert sum(entry["admitted"] - 1 for entry in world.values()) <= forgotten
