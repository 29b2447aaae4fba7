"""A server whose supervisor was killed, as the next start finds it."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from tests.embedded.supervisors import ready_line, started, supervisor
from worker.core.errors import RedisUnreachableError
from worker.embedded.identity import connected, identify, is_ready
from worker.embedded.leftover import end_leftover
from worker.embedded.lock import SERVER, SUPERVISOR, Record, opened, try_lock

DEAD_PID = 2**31 - 1
"""No process has it: kernels give smaller ones."""

StartServer = Callable[[Path], subprocess.Popen[bytes]]


@pytest.fixture
def start_server(binary: Path) -> Iterator[StartServer]:
    """Starts a server as a supervisor does, with the server's lock, and with nobody to end it."""
    with ExitStack() as stack:

        def start(home: Path) -> subprocess.Popen[bytes]:
            home.mkdir(exist_ok=True)
            command: list[str | Path] = [
                binary,
                "--port",
                "0",
                "--unixsocket",
                home / "redis.sock",
                "--dir",
                home,
            ]
            with opened(home / SERVER) as lock:
                assert try_lock(lock)
                process = subprocess.Popen(
                    [*command, "--appendonly", "yes", "--logfile", home / "log"], pass_fds=(lock,)
                )
            stack.enter_context(process)
            stack.callback(process.kill)
            while not is_ready(home / "redis.sock"):
                assert process.poll() is None
            return process

        yield start


def record(home: Path, pid: int | None) -> Record:
    return Record(pid=DEAD_PID, socket=str(home / "redis.sock"), server_pid=pid)


def test_leftover_server_is_ended_and_its_data_are_kept(home: Path, start_server: StartServer) -> None:
    leftover = start_server(home)
    with connected(home / "redis.sock") as client:
        client.set("written", "before")
    (home / SUPERVISOR).write_bytes(msgspec.json.encode(record(home, leftover.pid)))
    with started(home) as (_, ready), connected(home / "redis.sock") as client:
        assert leftover.wait() == 0
        assert ready.server_pid != leftover.pid
        assert client.get("written") == b"before"


def test_leftover_server_is_ended_though_its_pid_was_never_recorded(
    home: Path, start_server: StartServer
) -> None:
    leftover = start_server(home)
    with opened(home / SERVER) as lock:
        end_leftover(home, record(home, None), lock)
    assert leftover.wait() == 0
    assert not (home / "redis.sock").exists()


def test_server_of_another_folder_is_left_alone(home: Path, start_server: StartServer) -> None:
    other = start_server(home / "other")
    with opened(home / SERVER) as held, opened(home / SERVER) as lock:
        assert try_lock(held)
        with pytest.raises(RedisUnreachableError, match=f"process id {other.pid}, left over .* does not end"):
            end_leftover(home, record(home / "other", other.pid), lock, timeout=0)
    assert identify(home / "other" / "redis.sock") is not None


def test_server_with_another_pid_than_the_recorded_is_left_alone(
    home: Path, start_server: StartServer
) -> None:
    running = start_server(home)
    with opened(home / SERVER) as lock, pytest.raises(RedisUnreachableError, match="does not end: end it"):
        end_leftover(home, record(home, DEAD_PID), lock, timeout=0)
    found = identify(home / "redis.sock")
    assert found is not None
    assert found.pid == running.pid


def test_server_that_is_just_ending_is_waited_for(home: Path) -> None:
    # Holds the lock until its stdin ends, and answers nobody: as a server that writes its data out.
    with opened(home / SERVER) as lock:
        assert try_lock(lock)
        ending = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=(lock,))  # noqa: S607  Any cat will do.
    next_start = supervisor(home)
    with ending:
        assert not (home / "redis.sock").exists()
    ready = ready_line(next_start)
    next_start.terminate()
    assert next_start.communicate() == ("", "")
    assert ready.pid == next_start.pid


def test_unreadable_record_is_no_record(home: Path) -> None:
    (home / SUPERVISOR).write_bytes(b'{"pid": ')
    with started(home) as (process, ready):
        assert ready.pid == process.pid
