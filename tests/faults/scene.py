"""A real Redis, real workers, the stand-in for the API, and what can happen to them."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil
import redis

from tests.e2e.stack import PATIENCE, Simulator, Stack, simulator, until
from tests.servers import RealServer, valkey9
from worker.store import keys
from worker.store.connect import sync_client

Process = subprocess.Popen[bytes]

WORKER: Final = {"REQUEST_TIMEOUT": "5", "CONCURRENCY": "8"}


@dataclass
class Scene:
    """`workers` are those started and not yet told to end, in order of their start."""

    real: RealServer
    stack: Stack
    api: Simulator
    rate: float
    workers: list[Process] = field(default_factory=list)

    def work(self, processes: int = 1, **settings: str) -> Process:
        """Starts a worker of so many processes."""
        options = () if processes == 1 else ("--concurrency", str(processes))
        worker = self.stack.worker(self.api, *options, rate=self.rate, **(WORKER | settings))
        self.workers.append(worker)
        return worker

    @contextmanager
    def client(self) -> Iterator[redis.Redis]:
        with sync_client(self.real.server.url) as client:
            yield client

    def requests(self) -> int:
        """Requests that the API has seen."""
        return int(self.api.stats()["requests"])

    def more(self, requests: int) -> None:
        """Waits until the API has seen so many requests more."""
        seen = self.requests()
        until(lambda: self.requests() >= seen + requests)

    def state(self, job_id: str) -> str:
        return str(self.stack.report(job_id)["state"])

    def rests(self, job_id: str, patience: float = PATIENCE) -> None:
        """Waits until the job is complete."""
        until(lambda: self.state(job_id) == "completed", patience)

    def forget(self, worker: Process) -> None:
        self.workers.remove(worker)
        self.stack.children.remove(worker)

    def kill(self, worker: Process) -> set[str]:
        """SIGKILL to a worker and all its processes; the ids whose answers die with it."""
        doomed = [worker.pid, *(child.pid for child in children(worker))]
        lost = self.lost_with(doomed)
        worker.wait(PATIENCE)
        self.forget(worker)
        return lost

    def lost_with(self, pids: list[int]) -> set[str]:
        """Kills these processes in the same moment; the ids that were sent and have no outcome then.

        They are stopped first, so that nothing moves between the look and the end. Nobody else may be
        sending.
        """
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        until(lambda: self.api.stats()["concurrent"] == 0)
        lost = self.unrecorded()
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        return lost

    def unrecorded(self) -> set[str]:
        """Ids that the API has seen and of which the record of unfinished jobs knows no outcome."""
        seen = self.api.world()
        return {
            row["id"]
            for job_id in self.live_jobs()
            for row in self.stack.rows(job_id)
            if row["outcome"] in {"pending", "ambiguous"} and row["id"] in seen
        }

    def live_jobs(self) -> list[str]:
        with self.client() as client:
            return [job_id.decode() for job_id in client.smembers(keys.LIVE)]  # type: ignore[union-attr]

    def terminate(self, worker: Process) -> int:
        """SIGTERM, as at a rolling restart; its exit code."""
        worker.terminate()
        code = worker.wait(PATIENCE)
        self.forget(worker)
        return code


@contextmanager
def scene(home: Path, *options: str, rate: float = 100, **redis_options: str) -> Iterator[Scene]:
    """`options` are those of the simulator."""
    with ExitStack() as stack:
        real = stack.enter_context(valkey9(**redis_options))
        api = stack.enter_context(simulator(*options))
        running = stack.enter_context(Stack(home, real.server.url))
        yield Scene(real, running, api, rate)


def children(worker: Process) -> list[psutil.Process]:
    """The worker processes that a parent keeps running; none where it works by itself."""
    return psutil.Process(worker.pid).children(recursive=True)


def report_of(scene: Scene, job_id: str) -> dict[str, Any]:
    return scene.stack.report(job_id)
