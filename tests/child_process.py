"""Runs a module of the tests as a process of its own, for as long as a test needs it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from tests.embedded.supervisors import ROOT

_STOP_TIMEOUT: Final = 30.0
"""Seconds that a child has to exit after its stdin has ended."""


class ChildProcess(NamedTuple):
    first_line: str
    """What it printed once it could be used."""
    pid: int


@contextmanager
def child_process(module: str, *arguments: str) -> Iterator[ChildProcess]:
    """Starts `python -m MODULE ARGUMENTS` and waits for its first line on stdout.

    The child must exit when its stdin ends, which happens at the end of the block.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, f"{module} ended; stderr says why"
        yield ChildProcess(line.strip(), process.pid)
    finally:
        process.communicate(timeout=_STOP_TIMEOUT)
