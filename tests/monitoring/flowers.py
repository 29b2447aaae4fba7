"""Runs a real Flower with the settings of `deploy/flowerconfig.py`, and queries it over HTTP."""

import base64
import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.e2e.stack import CELERY, TIMEOUT, environment, until
from tests.servers import free_port

ROOT: Final = Path(__file__).parents[2]
CONFIG: Final = ROOT / "deploy" / "flowerconfig.py"
COMMAND: Final = [
    CELERY,
    "-A",
    "worker",
    "--quiet",
    "flower",
    f"--conf={CONFIG}",
]
USER: Final = "watcher:a-made-up-password"
PASSWORD: Final = {"FLOWER_BASIC_AUTH": USER}


@dataclass(frozen=True)
class Flower:
    url: str

    def status(self, path: str, *, user: str | None = USER, method: str = "GET") -> int:
        """The HTTP status of an answer; 0 without an answer."""
        try:
            with self._open(path, user, method) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def json(self, path: str, **query: str) -> Any:
        with self._open(f"{path}?{urllib.parse.urlencode(query)}", USER, "GET") as answer:
            return json.load(answer)

    def tasks(self, **query: str) -> dict[str, dict[str, Any]]:
        return dict(self.json("/api/tasks", **query))

    def workers(self) -> list[str]:
        return [row["hostname"] for row in self.json("/workers", json="1")["data"]]

    def _open(self, path: str, user: str | None, method: str) -> Any:
        data = b"{}" if method == "POST" else None
        request = urllib.request.Request(self.url + path, data, method=method)
        if user is not None:
            request.add_header("Authorization", "Basic " + base64.b64encode(user.encode()).decode())
        return urllib.request.urlopen(request, timeout=TIMEOUT)


@contextmanager
def flower(
    redis_url: str, log: Path, command: Sequence[str] = COMMAND, given: dict[str, str] = PASSWORD
) -> Iterator[Flower]:
    """A Flower that answers. `given` is added to its environment."""
    port = str(free_port())
    with log.open("ab") as out:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env=environment({"REDIS_URL": redis_url}) | given | {"FLOWER_PORT": port},
        )
    try:
        running = Flower(f"http://127.0.0.1:{port}")
        until(lambda: process.poll() is not None or running.status("/healthcheck") == 200)
        assert process.poll() is None, log.read_text()
        yield running
    finally:
        process.terminate()
        process.wait(TIMEOUT)
