"""The worker as it is used: its processes on a Redis of their own, and jobs put straight into the store."""

import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import redis

from producers.submission.submit import new_job_id
from tests.api.clients import settings_for
from tests.e2e.stack import BULK_ACTIVATE, ORG, TOKEN, Stack, until
from tests.redis.distance import far_away
from tests.servers import valkey9
from worker.core.batches.batch import MAX_BATCH
from worker.core.batches.slices import IDS, Slice
from worker.core.job import AT_REST
from worker.queue import messages
from worker.store.connect import sync_client
from worker.store.jobs import JobStore

_LOOK: Final = 0.2
"""Seconds between two looks at whether a run is over; seldom enough to be no load."""

_FRESH_MS: Final = 5000


@dataclass(frozen=True, slots=True)
class Ours:
    url: str
    client: redis.Redis
    store: JobStore
    worker: int
    """Process id of the worker, or of the parent of several."""
    server: int
    """Process id of Redis."""

    def submit(self, batches: int) -> str:
        """A job of full batches, without the half a minute that `submit` takes to read a large list."""
        job_id = self.put(batches)
        self.launch(job_id, batches)
        return job_id

    def put(self, batches: int) -> str:
        """Its ids are in the store, and nobody works on it yet."""
        job_id = new_job_id()
        self.store.create(job_id, {"org_id": ORG}, request_id=None, fingerprint="", fresh=False)
        total = batches * MAX_BATCH
        for number, start in enumerate(range(0, total, IDS)):
            ids = tuple(str(uuid.uuid4()) for _ in range(min(IDS, total - start)))
            self.store.put_slices(job_id, [(number, Slice(ids, ((start + 1, len(ids)),)))])
        return job_id

    def launch(self, job_id: str, batches: int) -> None:
        total = batches * MAX_BATCH
        slices = -(-total // IDS)
        tickets = self.store.start_job(job_id, {}, total=total, slices=slices, deadline=None)
        app = messages.make_app(settings_for("http://127.0.0.1", redis_url=self.url))
        messages.send(app, job_id, tickets)

    def rests(self, job_id: str) -> bool:
        return self.store.field(job_id, "state") in AT_REST


@contextmanager
def workers(
    api_url: str, processes: int, distance: tuple[float, float] | None = None, /, **settings: str
) -> Iterator[Ours]:
    """So many worker processes, all of them ready; `settings` without their prefix.

    `distance`: seconds that their Redis is away from them, and by how many more or less.
    """
    with (
        tempfile.TemporaryDirectory() as home,
        valkey9() as real,
        sync_client(real.server.url) as client,
        far_away(real.server.url, *distance) if distance else nullcontext(real.server.url) as url,
        Stack(Path(home), real.server.url) as stack,
    ):
        worker = stack.start(
            [BULK_ACTIVATE, "worker", "--concurrency", str(processes)],
            API_URL=api_url,
            API_TOKEN=TOKEN,
            LOG_LEVEL="warning",
            REDIS_URL=url,
            **settings,
        )
        ours = Ours(real.server.url, client, JobStore(client), worker.pid, real.server.pid)
        until(lambda: ours.store.live_workers(_FRESH_MS) == processes)
        yield ours


def wait(over: Callable[[], bool], most: float) -> bool:
    """Whether it was over within `most` seconds."""
    ends = time.monotonic() + most
    while time.monotonic() < ends:
        if over():
            return True
        time.sleep(_LOOK)
    return False
