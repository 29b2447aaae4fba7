"""A peer's process, silent, and its end."""

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.embedded.supervisors import ROOT


@contextmanager
def running(command: Sequence[str], environment: dict[str, str]) -> Iterator[int]:
    """Its pid. Killed at the end: nothing of it is looked at but what the server saw."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        env=os.environ | environment,
        # Its own group: a worker's pool has to end with it.
        start_new_session=True,
    )
    try:
        yield process.pid
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
