"""One run is one job: what an earlier run left is left alone, reached with --local, and taken up by name."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.e2e.stack import (
    BULK_ACTIVATE,
    ORG,
    TIMEOUT,
    TOKEN,
    Done,
    Simulator,
    cli,
    environment,
    interrupt,
    new_ids,
    simulator,
    until,
)


def list_of(path: Path, count: int) -> Path:
    path.write_text("\n".join(new_ids(count)))
    return path


def settings(api: Simulator, tmp_path: Path, rate: float = 500) -> dict[str, str]:
    return {"API_URL": api.url, "API_TOKEN": TOKEN, "RATE": str(rate), "STATE_DIR": str(tmp_path / "state")}


@contextmanager
def slow_run(
    api: Simulator, tmp_path: Path, path: Path, *options: str
) -> Iterator["subprocess.Popen[bytes]"]:
    """A run that has sent a few requests."""
    command = [BULK_ACTIVATE, "run", str(path), "--org", ORG, *options]
    before = api.stats()["requests"]
    with subprocess.Popen(
        command,
        env=environment(settings(api, tmp_path, rate=10)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        until(lambda: api.stats()["requests"] > before + 3, 2 * TIMEOUT)
        yield process


def interrupted(api: Simulator, tmp_path: Path, path: Path) -> str:
    """A run that Ctrl-C ended; its job."""
    with slow_run(api, tmp_path, path) as process:
        interrupt(process)
        _, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 130, err
    found = re.search(rb"^Job (\S+)$", err, flags=re.MULTILINE)
    assert found
    return found[1].decode()


def local(tmp_path: Path, *arguments: str) -> Done:
    return cli(*arguments, "--local", STATE_DIR=str(tmp_path / "state"))


def test_a_run_works_on_its_own_job_alone_and_names_what_it_leaves(tmp_path: Path) -> None:
    with simulator() as staging, simulator() as prod:
        wrong = list_of(tmp_path / "wrong.txt", 600)
        job_id = interrupted(staging, tmp_path, wrong)
        before = local(tmp_path, "status", job_id, "-o", "json").json()
        sent = staging.stats()["requests"]

        right = list_of(tmp_path / "right.txt", 45)
        done = cli("run", str(right), "--org", ORG, "-o", "json", **settings(prod, tmp_path))
        assert (done.code, done.json()["counts"]["activated"]) == (0, 45), done.err
        named = next(line for line in done.err.splitlines() if line.startswith(f"Job {job_id} "))
        assert f"`bulk-activate run --resume {job_id}`" in named
        assert f"`bulk-activate cancel {job_id} --local`" in named
        assert (prod.stats()["requests"], staging.stats()["requests"]) == (3, sent)
        after = local(tmp_path, "status", job_id, "-o", "json").json()
        # Its clock runs on, as that of any job that nobody works on.
        assert after | {"progress": None} == before | {"progress": None}
        assert (after["state"], after["api_url"]) == ("running", staging.url)

        refused = cli("run", "--resume", job_id, **settings(prod, tmp_path))
        assert (refused.code, refused.err.count("\n")) == (2, 1)
        assert f"BULK_ACTIVATE_API_URL={staging.url}" in refused.err
        resumed = cli(
            "run", "--resume", job_id, "--output", str(tmp_path / "out"), **settings(staging, tmp_path)
        )
        assert resumed.code == 0, resumed.err
        assert {entry["sent"] for entry in staging.world().values()} == {1}
        assert (tmp_path / "out" / "results.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--resume JOB"),
        (("--resume", "J", "ids.txt"), "leave FILE out"),
        (("--resume", "J", "--org", ORG), "leave --org out"),
        (("--resume", "J", "--max-failures", "1"), "leave --max-failures out"),
    ],
)
def test_a_run_is_of_a_list_or_of_a_job(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    done = cli("run", *arguments, API_TOKEN=TOKEN, STATE_DIR=str(tmp_path / "state"))
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert said in done.err
    assert not (tmp_path / "state").exists()


def test_the_jobs_of_run_are_reached_with_local(api: Simulator, tmp_path: Path) -> None:
    path = list_of(tmp_path / "ids.txt", 300)
    done = cli("run", str(path), "--org", ORG, "-o", "json", **settings(api, tmp_path))
    job_id = done.json()["job_id"]
    listed = local(tmp_path, "list", "-o", "json").json()
    assert [(job["job_id"], job["api_url"]) for job in listed] == [(job_id, api.url)]
    status = local(tmp_path, "status", job_id)
    assert status.code == 0
    assert f"Next: bulk-activate results {job_id} --local" in status.err
    assert len(local(tmp_path, "results", job_id, "-o", "ndjson").out.splitlines()) == 300
    assert local(tmp_path, "report", job_id, "--output", str(tmp_path / "report.html")).code == 0
    assert job_id in (tmp_path / "report.html").read_text()
    assert local(tmp_path, "verify", job_id).out.startswith("balanced: 300 ids")
    ended = local(tmp_path, "cancel", job_id)
    assert (ended.code, "it is completed" in ended.err) == (2, True)
    assert local(tmp_path, "purge", job_id).code == 0
    gone = local(tmp_path, "status", job_id)
    assert (gone.code, "bulk-activate list --local" in gone.err) == (5, True)
    # Each took its server with it.
    assert [each for each in psutil.process_iter(["cmdline"]) if _is_of(each, tmp_path)] == []


def _is_of(process: psutil.Process, tmp_path: Path) -> bool:
    return str(tmp_path) in " ".join(process.info["cmdline"] or [])


def test_where_no_run_ever_was_it_is_said_and_nothing_is_made(tmp_path: Path) -> None:
    listed = local(tmp_path, "list", "-o", "json")
    assert (listed.code, listed.json()) == (0, [])
    assert "no job of `run`" in listed.err
    for command in (("status", "J"), ("results", "J"), ("verify", "J"), ("cancel", "J"), ("purge", "J")):
        done = local(tmp_path, *command)
        assert (done.code, done.err.count("\n")) == (5, 1)
    assert not (tmp_path / "state").exists()


def test_while_a_run_is_at_work_its_own_server_is_asked(api: Simulator, tmp_path: Path) -> None:
    path = list_of(tmp_path / "ids.txt", 30_000)
    with slow_run(api, tmp_path, path) as process:
        servers = _servers(process)
        (job,) = local(tmp_path, "list", "-o", "json").json()
        assert job["state"] == "running"
        assert f"status {job['job_id']} --local --watch" in local(tmp_path, "status", job["job_id"]).err
        # The one server is still there, and none besides.
        assert _servers(process) == servers
        ended = local(tmp_path, "cancel", job["job_id"])
        assert ended.code == 0, ended.err
        process.communicate(timeout=TIMEOUT)
    assert process.returncode == 4
    assert local(tmp_path, "status", job["job_id"], "-o", "json").json()["state"] == "cancelled"


def _servers(process: "subprocess.Popen[bytes]") -> list[int]:
    family = psutil.Process(process.pid).children(recursive=True)
    return [each.pid for each in family if "redis.conf" in " ".join(each.cmdline())]


def test_a_job_whose_run_was_killed_is_cancelled_without_a_worker(api: Simulator, tmp_path: Path) -> None:
    path = list_of(tmp_path / "ids.txt", 900)
    with slow_run(api, tmp_path, path) as process:
        family = psutil.Process(process.pid).children(recursive=True)
        process.kill()
    psutil.wait_procs(family, TIMEOUT)
    (job,) = local(tmp_path, "list", "-o", "json").json()
    watched = local(tmp_path, "status", job["job_id"], "--watch")
    assert (watched.code, f"run --resume {job['job_id']}" in watched.err) == (2, True)
    sent = api.stats()["requests"]
    ended = local(tmp_path, "cancel", job["job_id"], "--reason", "wrong list")
    assert (ended.code, "is cancelled" in ended.err) == (0, True)
    report = local(tmp_path, "status", job["job_id"], "-o", "json").json()
    assert (report["state"], report["balanced"]) == ("cancelled", True)
    assert report["state_reason"]["message"] == "wrong list"
    assert api.stats()["requests"] == sent
    # A person ended it: the same list makes a new job.
    done = cli("run", str(path), "--org", ORG, "-o", "json", **settings(api, tmp_path))
    assert done.json()["job_id"] != job["job_id"]


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_sent(
    api: Simulator, tmp_path: Path
) -> None:
    path = list_of(tmp_path / "ids.txt", 45)
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "manifest.json").write_text('{"job_id": "another"}')
    for output in ("/proc/x", "/proc/x/y", "file", "file/below", "other", "x" * 300):
        done = cli(
            "run", str(path), "--org", ORG, "--output", str(tmp_path / output), **settings(api, tmp_path)
        )
        assert (done.code, done.err.count("\n")) == (2, 1), done.err
        assert "--output" in done.err
    assert api.stats()["requests"] == 0
    nested = tmp_path / "a" / "b" / "c"
    assert cli("run", str(path), "--org", ORG, "--output", str(nested), **settings(api, tmp_path)).code in {
        0,
        3,
    }
    assert (nested / "manifest.json").exists()


def test_results_that_could_not_be_written_are_not_lost_and_nothing_is_sent_again(tmp_path: Path) -> None:
    path, output = list_of(tmp_path / "ids.txt", 900), tmp_path / "out"
    with simulator() as api:
        options = ("--output", str(output), "-o", "json")
        with slow_run(api, tmp_path, path, *options) as process:
            shutil.rmtree(output)
            output.write_text("in the way")
            out, err = process.communicate(timeout=TIMEOUT)
        assert process.returncode == 2
        assert b"Traceback" not in err
        assert b'"state": "completed"' in out
        hint = re.search(r"`bulk-activate (results \S+ --local --output \S+)`", err.decode())
        assert hint
        arguments = shlex.split(hint[1])
        rows = cli(*arguments[:-1], str(tmp_path / "saved.csv"), STATE_DIR=str(tmp_path / "state"))
        assert rows.code == 0, rows.err
        assert len((tmp_path / "saved.csv").read_text().splitlines()) == 901

        output.unlink()
        sent = api.stats()["requests"]
        again = cli("run", str(path), "--org", ORG, *options, **settings(api, tmp_path))
        assert (again.code, again.json()["job_id"]) == (0, arguments[1]), again.err
        assert "nothing is sent" in again.err
        assert api.stats()["requests"] == sent
        assert cli("verify", "--folder", str(output)).code == 0
