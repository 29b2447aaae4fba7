"""The stand-in as a process of its own, asked and steered over HTTP."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from tests.child_process import child_process
from tests.limits.arrivals import Arrival

_PATIENCE: Final = 30.0


@dataclass(frozen=True, slots=True)
class Api:
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
        urllib.request.urlopen(request, timeout=_PATIENCE).close()

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=_PATIENCE) as answer:
            return json.load(answer)


@contextmanager
def limited_api(limiter: str = "none", **options: Any) -> Iterator[Api]:
    """`options` as the command's, `_` for `-`; True for one that takes no value."""
    arguments = ["--limiter", limiter]
    for name, value in options.items():
        arguments += [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
    with child_process("tests.limits.limited_api", *arguments) as child:
        yield Api(json.loads(child.first_line)["url"], child.pid)
