"""The thread that ends a process when its stdin does. In processes of their own: it kills."""

import os
import signal
import subprocess
import sys

import pytest

from tests.embedded.supervisors import ROOT

PATIENT = (
    "import signal; from worker.process.lifeline import end_with_parent; end_with_parent(); signal.pause()"
)

STUBBORN = """
import signal
from worker.process.lifeline import end_with_parent
signal.signal(signal.SIGTERM, signal.SIG_IGN)
end_with_parent(grace=0)
while True:
    signal.pause()
"""

HANGING_STOP = """
import signal, threading
from worker.process.lifeline import end_with_parent
end_with_parent(threading.Event().wait, grace=0)
while True:
    signal.pause()
"""

OWN_STOP = """
import queue
from worker.process.lifeline import end_with_parent
asked = queue.SimpleQueue()
end_with_parent(lambda: asked.put("stopped"))
print(asked.get())
"""


def run(code: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Runs `code` and ends its stdin after `stdin`."""
    return subprocess.run(
        [sys.executable, "-c", code], input=stdin, capture_output=True, cwd=ROOT, check=False
    )


def test_end_of_stdin_terminates_the_process() -> None:
    assert run(PATIENT).returncode == -signal.SIGTERM


def test_what_is_written_to_stdin_is_read_over() -> None:
    assert run(PATIENT, b"x" * 100_000).returncode == -signal.SIGTERM


@pytest.mark.parametrize("code", [STUBBORN, HANGING_STOP], ids=["ignored", "hanging"])
def test_process_that_does_not_stop_is_killed(code: str) -> None:
    assert run(code).returncode == -signal.SIGKILL


def test_process_may_stop_in_its_own_way() -> None:
    done = run(OWN_STOP)
    assert (done.stdout, done.stderr, done.returncode) == (b"stopped\n", b"", 0)


def test_closed_stdin_counts_as_ended() -> None:
    code = f"import os; os.close(0)\n{PATIENT}"
    assert run(code).returncode == -signal.SIGTERM


def test_process_lives_while_its_stdin_does() -> None:
    reading, writing = os.pipe()
    code = "from worker.process.lifeline import end_with_parent; end_with_parent(); print('done')"
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], stdin=reading, capture_output=True, cwd=ROOT, check=False
        )
    finally:
        os.close(reading)
        os.close(writing)
    assert (done.stdout, done.returncode) == (b"done\n", 0)
