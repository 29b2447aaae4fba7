"""A real Redis, real workers, the stand-in for the API, and what can happen to them."""

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Final, cast
from urllib.parse import urlsplit

import psutil
import redis

from tests.e2e.stack import ORG, TIMEOUT, Process, Simulator, Stack, new_ids, simulator, until
from tests.servers import RealServer, valkey9
from worker.core.batches.batch import MAX_BATCH
from worker.core.reporting.rows import rows_of
from worker.engine.commit_buffer import GROUP_SECONDS
from worker.reports.results import job_results
from worker.store import keys
from worker.store.connect import sync_client
from worker.store.jobs import JobStore

IN_FLIGHT: Final = 8
"""Requests in flight of a worker process, at most."""

AHEAD_SECONDS: Final = 0.2
"""Of sending: what is marked ahead, generously."""

MIXED: Final = ("--fail", "0.05", "--active", "0.05", "--latency", "20")
"""Options of the stand-in: some ids are refused, some are active already."""

SETTINGS: Final = {"REQUEST_TIMEOUT": "5", "CONCURRENCY": str(IN_FLIGHT)}


@dataclass
class Scene:
    """`workers` are those started and not yet told to end, in order of their start."""

    real: RealServer
    stack: Stack
    api: Simulator
    rate: float
    """Requests per second."""
    workers: list[Process] = field(default_factory=list)
    sizes: dict[int, int] = field(default_factory=dict)
    """A worker's pid to how many processes it has."""
    side_jobs: dict[str, list[str]] = field(default_factory=dict)
    """Jobs that faults made on their way, with their ids."""
    cancelled: set[str] = field(default_factory=set)
    """Jobs that were ordered to be."""

    def work(self, processes: int = 1, **settings: str) -> Process:
        """Starts a worker of so many processes."""
        options = () if processes == 1 else ("--concurrency", str(processes))
        worker = self.stack.worker(self.api, *options, rate=self.rate, **(SETTINGS | settings))
        self.workers.append(worker)
        self.sizes[worker.pid] = processes
        return worker

    @contextmanager
    def client(self) -> Iterator[redis.Redis]:
        with sync_client(self.real.server.url) as client:
            yield client

    def crew(self, workers: int) -> None:
        """Starts so many workers and waits for them: the first of the scene."""
        for _ in range(workers):
            self.work()
        self.ready(workers)

    def begin(self, batches: int, workers: int = 1, requests: int = 20) -> tuple[str, list[str]]:
        """Starts workers and a job of so many batches, and waits until it is under way: its id, its ids."""
        self.crew(workers)
        ids = new_ids(MAX_BATCH * batches)
        job_id = self.stack.submit(ids)
        self.more(requests)
        return job_id, ids

    def end(self, job_id: str) -> None:
        """All that was to happen has happened: the rest of the job goes fast, until it is complete."""
        self.hurry()
        self.rests(job_id)

    def requests(self) -> int:
        """Requests that the API has seen."""
        return int(self.api.stats()["requests"])

    def more(self, requests: int) -> None:
        """Waits until the API has seen so many requests more."""
        seen = self.requests()
        until(lambda: self.requests() >= seen + requests)

    def state(self, job_id: str) -> str:
        """As the record has it: a command for each look would be half a second late, and half of a core."""
        with self.client() as client:
            return str(JobStore(client).field(job_id, "state"))

    def ends(self, job_id: str) -> set[str]:
        """The states in which the job may come to rest: an order to cancel may meet it complete."""
        return {"completed", "cancelled"} if job_id in self.cancelled else {"completed"}

    def rests(self, job_id: str, timeout: float = TIMEOUT) -> None:
        """Waits until the job is at one of its `ends`."""
        until(lambda: self.state(job_id) in self.ends(job_id), timeout)

    def hurry(self) -> None:
        """All that was to happen has happened: the rest of the job may go fast."""
        with self.client() as client:
            JobStore(client).set_rate(urlsplit(self.api.url).netloc, ORG, "1000")

    def ready(self, processes: int) -> None:
        """Waits until so many worker processes show that they live, and no more."""
        with self.client() as client:
            until(lambda: client.zcard(keys.WORKERS) == processes)

    def rounds(self, times: int) -> None:
        """Waits until every worker has looked around so often, each a second after its last."""
        with self.client() as client:

            def looked() -> dict[bytes, float]:
                return dict(
                    cast("list[tuple[bytes, float]]", client.zrange(keys.WORKERS, 0, -1, withscores=True))
                )

            for _ in range(times):
                before = looked()
                until(lambda before=before: all(at > before.get(who, 0) for who, at in looked().items()))  # type: ignore[misc]

    def all_ready(self) -> None:
        """Waits until each process of each worker shows that it lives."""
        with self.client() as client:

            def they_beat() -> bool:
                beating = {int(name.rsplit(b":", 1)[1]) for name in beats(client)}
                return all(self._at_work(worker) <= beating for worker in self.workers)

            until(they_beat)

    def _at_work(self, worker: Process) -> set[int]:
        """The processes that work; of a parent without all of its own, itself, who never does."""
        assert worker.poll() is None, f"a worker ended by itself ({worker.returncode})"
        parent, *pool = pids_of(worker)
        wanted = self.sizes[parent]
        return set(pool) if wanted > 1 and len(pool) == wanted else {parent}

    def forget(self, worker: Process) -> None:
        self.workers.remove(worker)
        self.stack.children.remove(worker)

    def destroy(self, worker: Process) -> None:
        """SIGKILL to a worker and all its processes."""
        for pid in pids_of(worker):
            os.kill(pid, signal.SIGKILL)
        worker.wait(TIMEOUT)
        self.forget(worker)

    def terminate(self, worker: Process) -> int:
        """SIGTERM, as at a rolling restart; its exit code."""
        worker.terminate()
        code = worker.wait(TIMEOUT)
        self.forget(worker)
        return code

    @contextmanager
    def still(self) -> Iterator[set[str]]:
        """All workers stand still: gives the ids that were sent and whose answers nobody recorded yet.

        Who dies meanwhile takes some of these with it: they are sent again, and no others.
        """
        pids = [pid for worker in self.workers for pid in pids_of(worker)]
        with frozen(pids):
            until(lambda: self.api.stats()["concurrent"] == 0)
            yield self.unrecorded()

    def unrecorded(self) -> set[str]:
        """Ids that the API has seen and of which the record of unfinished jobs knows no outcome."""
        seen = self.api.world()
        with self.client() as client:
            store = JobStore(client)
            return {
                str(row.id)
                for job_id in self.live_jobs()
                if self.state(job_id) != "preparing"
                for row in rows_of(job_results(store, job_id))
                if row.outcome in {"pending", "ambiguous"} and row.id in seen
            }

    def in_hand(self) -> int:
        """Ids, at most, that workers have marked as perhaps sent and whose outcome is not recorded yet."""
        processes = sum(max(1, len(pids_of(worker)) - 1) for worker in self.workers)
        ahead = self.rate * (AHEAD_SECONDS + GROUP_SECONDS)
        return MAX_BATCH * ceil(processes * (IN_FLIGHT + ahead))

    def live_jobs(self) -> list[str]:
        with self.client() as client:
            return [job_id.decode() for job_id in client.smembers(keys.LIVE)]  # type: ignore[union-attr]


@contextmanager
def scene(
    home: Path, *options: str, rate: float = 100, api: Simulator | None = None, **redis_options: str
) -> Iterator[Scene]:
    """`options` are those of the simulator, where none is given."""
    with ExitStack() as stack:
        real = stack.enter_context(valkey9(**redis_options))
        api = api or stack.enter_context(simulator(*options))
        running = stack.enter_context(Stack(home, real.server.url))
        yield Scene(real, running, api, rate)


def pids_of(worker: Process) -> list[int]:
    """The worker's, and those of the processes that it keeps running."""
    return [worker.pid, *(child.pid for child in psutil.Process(worker.pid).children(recursive=True))]


def beats(client: redis.Redis) -> list[bytes]:
    """The names of the processes that gave a sign of life of late."""
    return cast("list[bytes]", client.zrange(keys.WORKERS, 0, -1))


@contextmanager
def frozen(pids: Iterable[int]) -> Iterator[None]:
    """SIGSTOP, and SIGCONT to those that still live at the end."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
