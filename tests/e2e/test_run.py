"""The main job on one machine: nothing installed, everything started and ended by the command."""

import csv
import hashlib
import json
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.e2e.stack import (
    BULK_ACTIVATE,
    ORG,
    TIMEOUT,
    TOKEN,
    Simulator,
    cli,
    environment,
    expected,
    interrupt,
    new_ids,
    simulator,
    until,
)


@pytest.fixture
def listed(tmp_path: Path) -> tuple[Path, list[str]]:
    ids = new_ids(600)
    path = tmp_path / "ids.txt"
    path.write_text("\n".join(ids))
    return path, ids


def settings(api: Simulator, tmp_path: Path, rate: float = 500) -> dict[str, str]:
    return {"API_URL": api.url, "API_TOKEN": TOKEN, "RATE": str(rate), "STATE_DIR": str(tmp_path / "state")}


def test_a_run_accounts_for_every_id(api: Simulator, tmp_path: Path, listed: tuple[Path, list[str]]) -> None:
    path, ids = listed
    output = tmp_path / "results with a space"
    done = cli("run", str(path), "--org", ORG, "--output", str(output), **settings(api, tmp_path))
    assert done.code == 3, done.err
    world = api.world()
    with (output / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ids
    assert [row["outcome"] for row in rows] == [expected(world, token_id) for token_id in ids]
    manifest = json.loads((output / "manifest.json").read_text())
    assert manifest["input"]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    for name, entry in manifest["files"].items():
        assert hashlib.sha256((output / name).read_bytes()).hexdigest() == entry["sha256"]
    assert set(manifest["files"]) == {"results.csv", "failed.csv", "malformed.csv", "report.html"}
    assert str(output) in done.err
    assert cli("verify", "--folder", str(output)).code == 0
    assert hashlib.sha256((output / "manifest.json").read_bytes()).hexdigest() in done.err
    assert "its worker starts" in done.err
    assert "no worker is alive" not in done.err
    assert done.err.splitlines()[-1].startswith(f"What is not active stands in '{output / 'failed.csv'}'")


def test_a_paused_run_leaves_a_folder_that_holds_together(
    api: Simulator, tmp_path: Path, listed: tuple[Path, list[str]]
) -> None:
    api.control(refuse_exchange=True)
    output = tmp_path / "out"
    command = ("run", str(listed[0]), "--org", ORG, "--output", str(output))
    paused = cli(*command, **settings(api, tmp_path))
    assert paused.code == 4, paused.err
    checked = cli("verify", "--folder", str(output))
    assert checked.code == 0, checked.err
    api.control(refuse_exchange=False)
    assert cli(*command, **settings(api, tmp_path)).code == 3
    assert cli("verify", "--folder", str(output)).code == 0


def test_a_run_leaves_no_process_and_no_secret_behind(
    api: Simulator, tmp_path: Path, listed: tuple[Path, list[str]]
) -> None:
    cli("run", str(listed[0]), "--org", ORG, "--output", str(tmp_path / "out"), **settings(api, tmp_path))
    left = [
        process.info["cmdline"]
        for process in psutil.process_iter(["cmdline"])
        if str(tmp_path) in " ".join(process.info["cmdline"] or [])
    ]
    assert left == []
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert TOKEN.encode() not in path.read_bytes(), path


def test_an_interrupted_run_resumes_where_it_was(
    api: Simulator, tmp_path: Path, listed: tuple[Path, list[str]]
) -> None:
    command = [BULK_ACTIVATE, "run", str(listed[0]), "--org", ORG, "--output", str(tmp_path / "out")]
    slow = environment(settings(api, tmp_path, rate=10))
    with subprocess.Popen(command, env=slow, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL) as first:
        until(lambda: api.stats()["requests"] > 3)
        interrupt(first)
        _, err = first.communicate(timeout=TIMEOUT)
    assert first.returncode == 130
    assert b"goes on" in err
    done = cli(*command[1:], **settings(api, tmp_path))
    assert done.code == 3, done.err
    assert "Resuming job" in done.err
    assert {entry["sent"] for entry in api.world().values()} == {1}


def test_a_killed_run_takes_its_processes_with_it(
    api: Simulator, tmp_path: Path, listed: tuple[Path, list[str]]
) -> None:
    """That it is then resumed is shown in `tests/faults/test_faults_run`, after worse."""
    command = [BULK_ACTIVATE, "run", str(listed[0]), "--org", ORG, "--output", str(tmp_path / "out")]
    slow = environment(settings(api, tmp_path, rate=10))
    with subprocess.Popen(command, env=slow, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL) as first:
        until(lambda: api.stats()["requests"] > 3)
        children = psutil.Process(first.pid).children(recursive=True)
        first.kill()
    assert children
    _, alive = psutil.wait_procs(children, TIMEOUT)
    assert alive == []


def test_a_run_that_is_done_starts_anew(
    api: Simulator, tmp_path: Path, listed: tuple[Path, list[str]]
) -> None:
    jobs = set()
    for number in range(2):
        options = ("--org", ORG, "--output", str(tmp_path / f"out{number}"), "-o", "json")
        done = cli("run", str(listed[0]), *options, **settings(api, tmp_path))
        jobs.add(done.json()["job_id"])
    assert len(jobs) == 2


def test_the_list_may_come_from_a_pipe(tmp_path: Path) -> None:
    with simulator() as api:
        ids = new_ids(20)
        done = cli("run", "-", "--org", ORG, "-o", "json", given="\n".join(ids), **settings(api, tmp_path))
        assert done.code == 0, done.err
        assert done.json()["counts"]["activated"] == 20


def test_a_folder_with_other_files_is_refused_before_anything_is_sent(
    api: Simulator, tmp_path: Path, listed: tuple[Path, list[str]]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.doc").write_text("precious")
    done = cli(
        "run", str(listed[0]), "--org", ORG, "--output", str(tmp_path / "out"), **settings(api, tmp_path)
    )
    assert done.code == 2
    assert "holds other files" in done.err
    assert api.stats()["requests"] == 0


def test_a_second_run_in_the_same_state_folder_names_the_process_that_holds_it(
    api: Simulator, tmp_path: Path, listed: tuple[Path, list[str]]
) -> None:
    command = [BULK_ACTIVATE, "run", str(listed[0]), "--org", ORG]
    slow = environment(settings(api, tmp_path, rate=10))
    with subprocess.Popen(command, env=slow, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL) as first:
        until(lambda: api.stats()["requests"] > 1)
        done = cli(*command[1:], **settings(api, tmp_path))
        interrupt(first)
        first.wait(TIMEOUT)
    assert done.code == 2
    assert "pid" in done.err or "process" in done.err


def test_the_demo_shows_the_whole_job(tmp_path: Path) -> None:
    done = cli("demo", "--ids", "1200", "-o", "json", STATE_DIR=str(tmp_path / "a folder"))
    assert done.code == 3, done.err
    report = done.json()
    assert report["manifest"]["lines"] == 1200
    assert report["counts"]["failed"] > 0
    (folder,) = (tmp_path / "a folder" / "demo" / "results").iterdir()
    with (folder / "results.csv").open() as file:
        assert [int(row["line"]) for row in csv.DictReader(file)] == list(range(1, 1201))


def test_a_demo_lets_no_simulator_see_the_real_credential(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With it the simulator would refuse everything.
    (tmp_path / "real").write_text("BULK_ACTIVATE_ACCESS_TOKEN=a-real-one\n")
    (tmp_path / "real").chmod(0o600)
    monkeypatch.chdir(tmp_path)
    done = cli("demo", "--ids", "60", "--output", "out", "-o", "json", STATE_DIR="state", ENV_FILE="real")
    assert done.json()["state"] == "completed", done.err
    assert (tmp_path / "out" / "results.csv").exists()
