"""Runs `bulk-activate` in processes forked off one that has imported everything.

Python takes most of a second of CPU for the imports of a command and two for those of a worker, and the
tests run well over a thousand of them. A fork has all that a process has (descriptors, environment, signals,
an exit code) but for the start of the interpreter; tests that are about that start the program itself.
"""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import StrEnum, auto
from functools import cache
from pathlib import Path
from typing import IO, Final

NUMBER: Final = 8
"""Bytes of a number: of a request's length, a process id, an exit code."""

OF_THE_WORKER: Final = frozenset({"doctor", "worker"})
"""Commands that replace themselves by a process of the worker's side, for which a fork of that is made."""

_LOCK: Final = threading.Lock()


def run(
    arguments: Sequence[str], env: Mapping[str, str], given: bytes | None, timeout: float
) -> tuple[int, bytes, bytes]:
    """Exit code, stdout and stderr of a command as `subprocess.run` gives them; `given` goes to its stdin.

    Raises `subprocess.TimeoutExpired` after `timeout` seconds; the process is killed then.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        source, feed = os.pipe() if given is not None else (os.open(os.devnull, os.O_RDONLY), None)
        program = Program.WORKER_SIDE if arguments and arguments[0] in OF_THE_WORKER else Program.COMMAND
        process = _fork(program, arguments, env, (source, out.fileno(), err.fileno()))
        os.close(source)
        if feed is not None:
            threading.Thread(target=_feed, args=(feed, given)).start()
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        for file in (out, err):
            file.seek(0)
        return code, out.read(), err.read()


def start_worker(arguments: Sequence[str], env: Mapping[str, str], output: int) -> "Forked":
    """Starts `bulk-activate worker` with `arguments`, its output to the descriptor `output`."""
    source = os.open(os.devnull, os.O_RDONLY)
    try:
        return _fork(Program.WORKER_SIDE, ["worker", *arguments], env, (source, output, output))
    finally:
        os.close(source)


def start_server(
    arguments: Sequence[str], env: Mapping[str, str], err: int, limits: Mapping[str, float] | None = None
) -> "Forked":
    """Starts `bulk-activate serve` with `arguments`; with `limits` of its own, the same server on loopback.

    Its standard output is `stdout`, its standard error goes to the descriptor `err`.
    """
    source, (reading, writing) = os.open(os.devnull, os.O_RDONLY), os.pipe()
    program, given = Program.SERVER, ["serve", *arguments]
    if limits is not None:
        program, given = Program.HURRIED_SERVER, [json.dumps(limits)]
    try:
        forked = _fork(program, given, env, (source, writing, err))
    finally:
        os.close(source)
        os.close(writing)
    forked.stdout = os.fdopen(reading)
    return forked


class Program(StrEnum):
    """What a fork becomes."""

    COMMAND = auto()
    WORKER_SIDE = auto()
    SERVER = auto()
    HURRIED_SERVER = auto()


class Forked:
    """A forked process, with what `subprocess.Popen` offers of its own."""

    def __init__(self, status: int) -> None:
        """`status`: the descriptor that its process id and later its exit code come from."""
        self._status = os.fdopen(status, "rb", buffering=0)
        self.pid = int(self._status.read(NUMBER))
        self.returncode: int | None = None
        self.stdout: IO[str] | None = None

    def poll(self) -> int | None:
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code; negative for a signal. Raises `subprocess.TimeoutExpired` after so many seconds."""
        if self.returncode is None:
            if not select.select([self._status], [], [], timeout)[0]:
                assert timeout is not None
                raise subprocess.TimeoutExpired("bulk-activate", timeout)
            self.returncode = int(self._status.read(NUMBER))
            self._status.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _fork(
    program: Program, arguments: Sequence[str], env: Mapping[str, str], streams: tuple[int, int, int]
) -> Forked:
    request = json.dumps(
        {"program": program, "arguments": arguments, "env": dict(env), "cwd": str(Path.cwd())}
    ).encode()
    status, report = os.pipe()
    with _LOCK:
        socket.send_fds(_forking(), [_number(len(request))], [*streams, report])
        _forking().sendall(request)
    os.close(report)
    return Forked(status)


@cache
def _forking() -> socket.socket:
    """The way to the process that forks. It ends when this one does: the other end is closed then."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.forking", str(theirs.fileno())],
            cwd=Path(__file__).resolve().parents[2],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def _number(number: int) -> bytes:
    return f"{number:{NUMBER}}".encode()


def _feed(feed: int, given: bytes | None) -> None:
    # A command may end before it has read all of its stdin.
    with suppress(BrokenPipeError), os.fdopen(feed, "wb") as file:
        file.write(given or b"")
