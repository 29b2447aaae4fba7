"""Measures our worker and a bare aiohttp loop at full speed against the fast API."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from tests.benchmarks.cpu import cpu_seconds
from tests.benchmarks.echo import RESET, STATS
from tests.benchmarks.ours import Ours, wait
from tests.child_process import child_process
from tests.embedded.supervisors import ROOT

TOO_LONG: Final = 300.0
"""Seconds after which a run is given up."""
_WARM_UP: Final = 500
"""Batches."""
FULL_SPEED: Final = {"RATE": "100000"}


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a run. Speed is by the server's clock, from its first request to its last."""

    cpu: float
    """Microseconds per batch: of the sender's processes, without its Redis."""
    speed: float
    """Batches per second."""
    api: float
    """Microseconds of CPU per batch that the server took, for this sender."""
    redis: float = 0.0
    """Of its Redis, likewise."""


Run = Callable[[], Cost]


@dataclass(frozen=True, slots=True)
class Echo:
    url: str
    pid: int

    def stats(self, path: str = STATS) -> dict[str, Any]:
        with urllib.request.urlopen(self.url + path) as answer:
            return dict(json.load(answer))

    def speed(self) -> float:
        seen = self.stats(RESET)
        return float((seen["requests"] - 1) / (seen["last"] - seen["first"]))


@contextmanager
def echo(latency: float, module: str = "echo", *options: str) -> Iterator[Echo]:
    with child_process(f"tests.benchmarks.{module}", "--latency", str(latency), *options) as child:
        yield Echo(child.first_line, child.pid)


def ours(api: Echo, worker: Ours, batches: int) -> Cost:
    """Runs a job from start to rest on workers that are already running."""
    job_id = worker.put(batches)
    api.stats(RESET)
    pids = (worker.worker, api.pid, worker.server)
    before = [cpu_seconds(pid) for pid in pids]
    worker.launch(job_id, batches)
    if not wait(lambda: worker.rests(job_id), TOO_LONG):
        raise SystemExit(f"the job did not end within {TOO_LONG:g} s: look at what else this machine does")
    used = [1e6 * (cpu_seconds(pid) - was) / batches for pid, was in zip(pids, before, strict=True)]
    return Cost(used[0], api.speed(), used[1], used[2])


def warm_up(api: Echo, worker: Ours) -> None:
    """Runs a job that is not measured, to make connections and warm up code."""
    ours(api, worker, _WARM_UP)


def bare(api: Echo, batches: int, concurrency: int) -> Cost:
    api.stats(RESET)
    before = cpu_seconds(api.pid)
    arguments = ["--url", api.url, "--batches", str(batches), "--concurrency", str(concurrency)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.peers.bare", *arguments],
        capture_output=True,
        check=True,
        text=True,
        cwd=ROOT,
    )
    cpu = 1e6 * json.loads(done.stdout)["cpu"] / batches
    return Cost(cpu, api.speed(), 1e6 * (cpu_seconds(api.pid) - before) / batches)
