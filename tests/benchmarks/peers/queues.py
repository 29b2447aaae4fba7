"""Other ways to do the same work at full speed: each a full queue first, then its worker, and what it costs.

What is measured begins once a fifth is done, so that nobody's start counts, and the queue is filled before,
so that no producer takes part.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.benchmarks.contestants import TOO_LONG, Cost, Echo
from tests.benchmarks.cpu import cpu_seconds
from tests.benchmarks.echo import RESET
from tests.benchmarks.peers.processes import running
from tests.benchmarks.peers.work import activate_url
from tests.e2e.stack import until
from tests.embedded.supervisors import ROOT
from tests.servers import valkey9
from worker.queue.broker import broker_conf

_PLACE: Final = "tests.benchmarks.peers"
_IN_FLIGHT: Final = "32"
_WARM: Final = 5

ARQ_PINS: Final = Path(__file__).with_name("arq.txt")
NEEDED: Final = ("requests", "taskiq_redis", "dramatiq")


@dataclass(frozen=True, slots=True)
class Queue:
    module: str
    worker: tuple[str, ...]
    """Its worker's command, of the environment's `bin` folder."""
    needs_arq: bool = False

    def measure(self, api: Echo, batches: int, folder: Path) -> Cost:
        """`folder` holds the programs of its environment."""
        with valkey9() as real:
            environment = {
                "PEER_URL": activate_url(api.url),
                "PEER_REDIS": real.server.url,
                "PEER_BROKER": broker_conf(real.server.url)["broker_url"],
                "PYTHONPATH": str(ROOT),
            }
            filling = [str(folder / "python"), "-m", f"{_PLACE}.{self.module}", str(batches)]
            subprocess.run(
                filling, env=os.environ | environment, cwd=ROOT, check=True, stderr=subprocess.DEVNULL
            )
            with running([str(folder / self.worker[0]), *self.worker[1:]], environment) as pid:
                return _second_part(api, batches, pid, real.server.pid)


QUEUES: Final = {
    "celery chord + requests": Queue("chord", ("celery", "-A", f"{_PLACE}.chord", "worker")),
    "celery task + aiohttp": Queue(
        "celery_session",
        ("celery", "-A", f"{_PLACE}.celery_session", "worker", "-P", "threads", "-c", _IN_FLIGHT),
    ),
    "arq": Queue("arq_jobs", ("arq", f"{_PLACE}.arq_jobs.WorkerSettings"), needs_arq=True),
    "taskiq": Queue(
        "taskiq_tasks",
        (
            "taskiq",
            "worker",
            f"{_PLACE}.taskiq_tasks:broker",
            "--workers",
            "1",
            "--max-async-tasks",
            _IN_FLIGHT,
        ),
    ),
    "dramatiq": Queue(
        "dramatiq_actor",
        ("dramatiq", f"{_PLACE}.dramatiq_actor", "--processes", "1", "--threads", _IN_FLIGHT),
    ),
}


def cookbook(api: Echo, batches: int) -> Cost:
    """The asyncio script, told a rate that it cannot reach."""
    arguments = ["--url", api.url, "--batches", str(batches), "--rate", "100000"]
    with running([sys.executable, "-m", f"{_PLACE}.cookbook", *arguments], {}) as pid:
        return _second_part(api, batches, pid)


def _second_part(api: Echo, batches: int, pid: int, redis: int | None = None) -> Cost:
    warm = batches // _WARM
    until(lambda: int(api.stats()["requests"]) >= warm, TOO_LONG)
    pids = [pid, api.pid] if redis is None else [pid, api.pid, redis]
    before = [cpu_seconds(one) for one in pids]
    left = batches - int(api.stats(RESET)["requests"])
    until(lambda: int(api.stats()["requests"]) >= left, TOO_LONG)
    used = [1e6 * (cpu_seconds(one) - was) / left for one, was in zip(pids, before, strict=True)]
    return Cost(used[0], api.speed(), used[1], used[2] if redis is not None else 0.0)


@contextmanager
def arq_environment(folder: Path) -> Iterator[Path]:
    """Makes one, unless `folder` holds it already; its folder of programs."""
    programs = folder / "bin"
    if not (programs / "arq").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([programs / "python", "-m", "pip", "install", "-q", "-r", ARQ_PINS], check=True)
    yield programs
