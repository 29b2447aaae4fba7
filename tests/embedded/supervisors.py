"""Starts supervisors of the embedded server for tests."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
import pytest

from worker.embedded.supervisor import Ready

ROOT: Final = Path(__file__).resolve().parents[2]
DEADLINE: Final = 60.0
"""Seconds until a test gives up. What is waited for should come at once."""


def supervisor(
    home: Path, *arguments: str, with_parent: bool = True, stdin: int = subprocess.PIPE
) -> subprocess.Popen[str]:
    """The product's supervisor process with data in `home`, all its streams in our hands.

    It ends with the test run, at the latest, by the end of its stdin; that is also what `communicate`
    does, so a test of another end goes without.
    """
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "worker.embedded",
            "--dir",
            home,
            *arguments,
            *(["--with-parent"] if with_parent else []),
        ],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def ready_line(process: subprocess.Popen[str]) -> Ready:
    """The line that a supervisor prints once its server can be used. Fails if it exits instead."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        pytest.fail(f"the supervisor ended: {process.communicate()[1]}")
    return msgspec.json.decode(line, type=Ready)


@contextmanager
def started(home: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], Ready]]:
    """A supervisor whose server can be used. It is stopped at the end."""
    process = supervisor(home, *arguments)
    try:
        yield process, ready_line(process)
    finally:
        process.terminate()
        process.communicate()


def socket_of(ready: Ready) -> Path:
    return Path(ready.url.removeprefix("unix://").removesuffix("?db=0"))


@contextmanager
def watched(path: Path) -> Iterator[socket.socket]:
    """A connection to the server at `path`, from which reading ends when the server's process exits."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(DEADLINE)
        connection.connect(str(path))
        yield connection
