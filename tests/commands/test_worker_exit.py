"""A worker process that ends without having been stopped never exits with 0."""

import subprocess
import sys

import pytest

from tests.e2e.stack import environment
from tests.servers import valkey9
from worker.commands.worker import worker_exit_code

CRASH = """
from celery import bootsteps
from worker.commands import worker
from worker.celery import app

class Crash(bootsteps.StartStopStep):
    def start(self, parent):
        raise LookupError("a defect")

app.steps["consumer"].add(Crash)
worker.work("crashing", None)
"""


@pytest.mark.parametrize(
    ("code", "stop_signals", "ended"),
    [
        (0, ["SIGTERM"], 0),
        (0, ["SIGTERM", "SIGTERM"], 0),
        (1, ["SIGINT"], 0),
        (1, ["SIGTERM"], 1),
        (1, ["SIGQUIT"], 1),
        (0, [], 1),
        (None, [], 1),
        (1, [], 1),
        (70, [], 70),
        ("Got shutdown from remote", [], 1),
    ],
)
def test_only_an_end_that_was_asked_for_is_0(code: object, stop_signals: list[str], ended: int) -> None:
    assert worker_exit_code(code, stop_signals) == ended


def test_a_crash_inside_celery_is_not_0() -> None:
    with valkey9() as real:
        settings = {"REDIS_URL": real.server.url, "ACCESS_TOKEN": "a-token-of-this-test"}
        done = subprocess.run(
            [sys.executable, "-c", CRASH],
            capture_output=True,
            text=True,
            env=environment(settings),
            check=False,
        )
    assert "LookupError" in done.stderr
    assert done.returncode == 1
