"""Runs `bulk-activate` in processes forked off one that has imported everything.

Python takes most of a second of CPU for the imports of a command, and the tests run well over a thousand of
them. A fork has all that a process has (descriptors, environment, signals, an exit code) but for the start of
the interpreter; tests that are about that start the program itself.
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
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

NUMBER: Final = 8
"""Bytes of a number: of a request's length, a process id, an exit code."""

_LOCK: Final = threading.Lock()


def run(
    arguments: Sequence[str], env: Mapping[str, str], given: bytes | None, patience: float
) -> tuple[int, bytes, bytes]:
    """Exit code, stdout and stderr of a command as `subprocess.run` gives them; `given` goes to its stdin.

    Raises `subprocess.TimeoutExpired` after `patience` seconds; the process is killed then.
    """
    request = json.dumps({"arguments": arguments, "env": dict(env), "cwd": str(Path.cwd())}).encode()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        told, tell = os.pipe()
        source, feed = os.pipe() if given is not None else (os.open(os.devnull, os.O_RDONLY), None)
        with _LOCK:
            socket.send_fds(_forking(), [_number(len(request))], [source, out.fileno(), err.fileno(), tell])
            _forking().sendall(request)
        os.close(source)
        os.close(tell)
        if feed is not None:
            threading.Thread(target=_feed, args=(feed, given)).start()
        code = _code(told, patience)
        for file in (out, err):
            file.seek(0)
        return code, out.read(), err.read()


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


def _code(told: int, patience: float) -> int:
    """The exit code; negative for a signal, as `subprocess` has it."""
    with os.fdopen(told, "rb", buffering=0) as file:
        pid = int(file.read(NUMBER))
        ends = time.monotonic() + patience
        if not select.select([file], [], [], ends - time.monotonic())[0]:
            os.kill(pid, signal.SIGKILL)
            raise subprocess.TimeoutExpired("bulk-activate", patience)
        return int(file.read(NUMBER))
