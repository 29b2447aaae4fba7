"""A plain Celery app on the same Redis, which shows that a bug of Celery exists without our workaround.

Its settings are Celery's defaults, except for those in PLAIN_CONF. Each task records that it began, waits for
the file `go`, and records that it ended.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from celery import Celery

from tests.e2e.stack import TIMEOUT
from worker.queue.broker import broker_conf

TASK: Final = "plain.work"
QUEUE: Final = "celery"


def work(number: int) -> None:
    home = Path(os.environ["PLAIN_HOME"])
    _note(home, f"began {number}")
    while not (home / "go").exists():
        time.sleep(0.02)
    _note(home, f"ended {number}")


def _note(home: Path, words: str) -> None:
    with (home / "notes").open("a") as file:
        file.write(f"{words}\n")


def _app(broker: str, conf: dict[str, Any]) -> Celery:
    app = Celery("plain", broker=broker, set_as_current=False)
    app.conf.update(conf)
    app.task(name=TASK)(work)
    return app


@dataclass
class Plain:
    """A queue and its worker, which connects to `redis_url`."""

    home: Path
    redis_url: str
    conf: dict[str, Any]

    @property
    def log(self) -> Path:
        return self.home / "plain.log"

    def send(self, count: int) -> None:
        with _app(broker_conf(self.redis_url)["broker_url"], self.conf) as app:
            for number in range(count):
                app.send_task(TASK, args=(number,))

    @contextmanager
    def worker(self, redis_url: str | None = None) -> Iterator["subprocess.Popen[bytes]"]:
        """A worker with four threads, killed at the end."""
        command = [
            *(sys.executable, "-m", "celery", "-A", "tests.faults.plain", "worker"),
            *("--pool", "threads", "--concurrency", "4", "--without-gossip", "--without-mingle"),
        ]
        given = {
            "PLAIN_BROKER": broker_conf(redis_url or self.redis_url)["broker_url"],
            "PLAIN_CONF": json.dumps(self.conf),
            "PLAIN_HOME": str(self.home),
        }
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=os.environ | given
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait(TIMEOUT)

    def go(self) -> None:
        """Lets tasks end."""
        (self.home / "go").touch()

    def count(self, words: str) -> int:
        """Number of tasks that `began` or `ended`."""
        notes = self.home / "notes"
        return notes.read_text().count(words) if notes.exists() else 0


if "PLAIN_BROKER" in os.environ:
    app: Final = _app(os.environ["PLAIN_BROKER"], json.loads(os.environ["PLAIN_CONF"]))
