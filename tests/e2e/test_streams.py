"""Standard streams that are closed, full, or left by their reader: of every command that prints."""

import os
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import pytest

from tests.e2e.stack import BULK_ACTIVATE, ORG, TIMEOUT, Done, Simulator, Stack, environment, new_ids
from worker.queue.messages import QUEUE_NAMES, queue_of
from worker.store.connect import sync_client

COMMANDS = (
    "--version",
    "list",
    "results {job}",
    "simulator --help",
)
"""A line of our own, a table, rows as they are read, a page of click: all others write as one of these."""
SAYS_NOTHING = ("pause {job}", "resume {job}")


class Job:
    """One that stands in Redis, and the commands that ask for it."""

    def __init__(self, stack: Stack, home: Path) -> None:
        self.list = home / "ids.txt"
        self.list.write_text("\n".join(new_ids(2000)))
        self.stack = stack
        self.id = stack.submit(self.list.read_text().split())

    def run(
        self,
        command: str,
        redirections: str = "",
        stdout: int | None = None,
        outer: Mapping[str, str] = MappingProxyType({}),
    ) -> Done:
        words = shlex.split(command.format(list=self.list, job=self.id))
        done = subprocess.run(
            ["/bin/sh", "-c", f'exec "$0" "$@" {redirections}', BULK_ACTIVATE, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if stdout is None else stdout,
            stderr=subprocess.PIPE,
            env=environment({"REDIS_URL": self.stack.redis_url}) | dict(outer),
            timeout=TIMEOUT,
            check=False,
        )
        return Done(done.returncode, (done.stdout or b"").decode(), done.stderr.decode())

    def others(self) -> set[str]:
        """Jobs that are there besides."""
        return {job["job_id"] for job in self.stack.cli("list", "-o", "json").json()} - {self.id}


@pytest.fixture
def job(stack: Stack, tmp_path: Path) -> Job:
    return Job(stack, tmp_path)


@contextmanager
def left_pipe() -> Iterator[int]:
    """A pipe whose reader has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        yield writer
    finally:
        os.close(writer)


def assert_calm(done: Done) -> None:
    for word in ("Traceback", "Exception ignored", "BrokenPipe"):
        assert word not in done.err


def test_a_reader_that_leaves_and_a_closed_stdout_change_no_exit_code(job: Job) -> None:
    for command in COMMANDS:
        with left_pipe() as pipe:
            left = job.run(command, stdout=pipe)
        for done in (left, job.run(command, ">&-")):
            assert_calm(done)
            assert (command, done.code, "Error" in done.err) == (command, 0, False)


def test_a_full_stdout_is_said_and_is_no_success(job: Job) -> None:
    for command in COMMANDS:
        done = job.run(command, ">/dev/full")
        assert_calm(done)
        assert (command, done.code) == (command, 2)
        assert "Error: cannot write to standard output (No space left on device)" in done.err


def test_where_nothing_is_written_to_stdout_nothing_is_wrong_with_it(job: Job) -> None:
    for command in SAYS_NOTHING:
        assert job.run(command, ">/dev/full").code == 0


def test_all_streams_may_be_closed_and_stderr_may_be_full(job: Job) -> None:
    for command in (*COMMANDS, *SAYS_NOTHING):
        assert (command, job.run(command, "<&- >&- 2>&-").code) == (command, 0)
    full = job.run("status 20261124-093000-00000000", "2>/dev/full")
    assert full.code == 5


@pytest.mark.parametrize(
    ("stdout", "code"), [(">&-", 0), (">/dev/full", 2), ("| head -c 0", 0)], ids=["closed", "full", "left"]
)
def test_the_job_id_goes_to_stderr_where_stdout_is_gone(job: Job, stdout: str, code: int) -> None:
    submit = f"submit {{list}} --org {ORG}"
    with sync_client(job.stack.redis_url) as client:
        client.delete(*QUEUE_NAMES)
    if stdout.startswith("|"):
        with left_pipe() as pipe:
            done = job.run(submit, stdout=pipe)
    else:
        done = job.run(submit, stdout)
    assert_calm(done)
    (made,) = job.others()
    assert f"Job {made} is stored" in done.err
    with sync_client(job.stack.redis_url) as client:
        assert client.llen(queue_of(made)) == 1, "nobody was woken"
    assert done.code == code


def test_a_closed_stdin_is_said(job: Job) -> None:
    done = job.run(f"submit - --org {ORG}", "<&-")
    assert (done.code, done.out) == (2, "")
    assert "Error: standard input is closed" in done.err
    assert job.others() == set()


@pytest.mark.parametrize("outer", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"}])
def test_a_locale_without_letters_stops_nothing(job: Job, outer: dict[str, str]) -> None:
    odd = job.list.with_name("größe-…-\udcff.txt")
    odd.write_bytes(job.list.read_bytes() + "\nÄ…\n".encode())
    for command in ("status {job}", "list", f"plan {shlex.quote(str(odd))}", "results nö…"):
        done = job.run(command, outer=outer)
        assert_calm(done)
        assert (command, done.code) == (command, 5 if "nö" in command else 0)


def test_a_job_is_watched_to_its_end_although_the_reader_left(job: Job, api: Simulator) -> None:
    job.stack.worker(api)
    with left_pipe() as pipe:
        done = job.run("status {job} --watch", "2>&1", stdout=pipe)
    report = job.stack.report(job.id)
    assert report["state"] == "completed"
    # Some are refused by this API.
    assert done.code == 3


def test_a_run_goes_to_its_end_although_the_reader_left(tmp_path: Path) -> None:
    with left_pipe() as pipe:
        done = subprocess.run(
            [BULK_ACTIVATE, "demo", "--ids", "300", "--output", tmp_path / "results"],
            stdin=subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            env=environment({"STATE_DIR": str(tmp_path / "state")}),
            timeout=TIMEOUT,
            check=False,
        )
    assert done.returncode == 3
    assert (tmp_path / "results" / "manifest.json").is_file()
