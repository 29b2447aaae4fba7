"""How the embedded server and its supervisor end, in either order."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.embedded.supervisors import ROOT, ready_line, socket_of, started, supervisor, watched
from worker.embedded.identity import identify, shut_down

STARTER = """
import subprocess, sys
command = [sys.executable, "-m", "worker.embedded", "--with-parent", "--dir", sys.argv[1]]
subprocess.Popen(command, stdin=subprocess.PIPE).wait()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_stops_server_and_supervisor(home: Path, number: signal.Signals) -> None:
    process = supervisor(home)
    with watched(socket_of(ready_line(process))) as connection:
        process.send_signal(number)
        assert connection.recv(1) == b""
    assert process.communicate() == ("", "")
    assert process.returncode == 0


def test_end_of_stdin_stops_server_and_supervisor(home: Path) -> None:
    process = supervisor(home)
    with watched(socket_of(ready_line(process))) as connection:
        # Closes stdin, and waits.
        assert process.communicate() == ("", "")
        assert connection.recv(1) == b""
    assert process.returncode == 0


def test_end_of_stdin_means_nothing_without_the_option(home: Path) -> None:
    process = supervisor(home, with_parent=False, stdin=subprocess.DEVNULL)
    with watched(socket_of(ready_line(process))) as connection:
        process.terminate()
        assert connection.recv(1) == b""
    assert process.communicate() == ("", "")


def test_server_ends_when_the_starter_is_killed(home: Path) -> None:
    command = [sys.executable, "-c", STARTER, str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as starter:
        assert starter.stdout is not None
        with watched(socket_of(ready_line(starter))) as connection:
            starter.kill()
            assert connection.recv(1) == b""
        # The supervisor writes to the same stream: it ends with the last of them.
        assert starter.stdout.read() == ""


@pytest.mark.skipif(sys.platform != "linux", reason="needs PR_SET_PDEATHSIG")
def test_server_ends_when_the_supervisor_is_killed(home: Path) -> None:
    process = supervisor(home)
    with watched(socket_of(ready_line(process))) as connection:
        process.kill()
        assert connection.recv(1) == b""
    process.communicate()
    with started(home) as (_, ready):
        assert identify(socket_of(ready)) is not None


def test_death_of_the_server_ends_the_supervisor_with_a_message(home: Path) -> None:
    process = supervisor(home, with_parent=False)
    os.kill(ready_line(process).server_pid, signal.SIGKILL)
    output, errors = process.communicate()
    assert errors == f"Error: the embedded Redis server ended by itself (signal 9): see {home}/redis.log\n"
    assert (output, process.returncode) == ("", 7)


def test_server_that_cannot_start_ends_the_supervisor_with_its_last_words(home: Path) -> None:
    broken = script(home / "broken-server", "echo 'Fatal error, no such thing'; exit 3")
    process = supervisor(home / "data", "--server", str(broken), with_parent=False)
    output, errors = process.communicate()
    assert "did not start (exit code 3): Fatal error, no such thing (more in" in errors
    assert errors.count("\n") == 1
    assert (output, process.returncode) == ("", 7)


def test_program_that_is_none_is_refused(home: Path) -> None:
    text = home / "text"
    text.write_bytes(b"\x7fELF and nothing more")
    text.chmod(0o755)
    process = supervisor(home / "data", "--server", str(text), with_parent=False)
    output, errors = process.communicate()
    assert errors.startswith(f"Error: cannot start {text}: ")
    assert (output, process.returncode) == ("", 2)


def test_server_that_is_not_the_child_is_not_used(home: Path, binary: Path) -> None:
    aside = script(home / "aside", f'"{binary}" "$1" </dev/null >/dev/null 2>&1 &\nexec sleep 1000')
    data = home / "data"
    process = supervisor(data, "--server", str(aside), with_parent=False)
    output, errors = process.communicate()
    stranger = identify(data / "redis.sock")
    assert stranger is not None
    with watched(data / "redis.sock") as connection:
        shut_down(data / "redis.sock")
        assert connection.recv(1) == b""
    assert f"process {stranger.pid} answers at {data}/redis.sock, not the server that was started" in errors
    assert (output, process.returncode) == ("", 7)


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path
