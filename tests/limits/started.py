"""Runs `limited_api` as a process of its own, controlled over HTTP."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from tests.child_process import child_process
from tests.limits.arrivals import Arrival

_TIMEOUT: Final = 30.0
"""Seconds for an answer."""


@dataclass(frozen=True, slots=True)
class Api:
    """A running `limited_api`."""

    url: str
    pid: int

    def admitted(self) -> int:
        return int(self._get("/count"))

    def stats(self) -> dict[str, Any]:
        return dict(self._get("/stats"))

    def arrivals(self) -> list[Arrival]:
        found = self._get("/arrivals")
        return [Arrival(*row) for row in zip(found["at"], found["status"], found["held_for"], strict=True)]

    def control(self, **orders: float) -> None:
        request = urllib.request.Request(f"{self.url}/control", json.dumps(orders).encode())
        urllib.request.urlopen(request, timeout=_TIMEOUT).close()

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=_TIMEOUT) as answer:
            return json.load(answer)


@contextmanager
def limited_api(limiter: str = "none", **options: Any) -> Iterator[Api]:
    """Starts the API. `options` are those of its command, with `_` for `-`, and True for a flag."""
    arguments = ["--limiter", limiter]
    for name, value in options.items():
        arguments += [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
    with child_process("tests.limits.limited_api", *arguments) as child:
        yield Api(json.loads(child.first_line)["url"], child.pid)
