"""Shows that this process lives, and finds what others left behind: leases that ran out, lost messages,
uploads that were abandoned.

Every worker runs one; that many do so at once is harmless, since each finding is handed to one of them.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

import structlog
from redis.exceptions import RedisError

from worker.core.fairness import SliceCounts
from worker.engine.services import Queue
from worker.process.periodic import PeriodicTask
from worker.store.claims import ClaimStore
from worker.store.connect import is_mendable
from worker.telemetry.warn_once import WarnOnce

BEAT_SECONDS: Final = 1.0
FORGET_MS: Final = 15_000
"""A worker that is silent for longer is no longer listed."""

log = structlog.get_logger(__name__)


class Sweeper:
    """`queue` sends the messages for what is found; `share` is told how each job stands."""

    def __init__(
        self, store: ClaimStore, worker: str, queue: Queue, share: Callable[[Mapping[str, SliceCounts]], None]
    ) -> None:
        self._store = store
        self._worker = worker
        self._queue = queue
        self._share = share
        self._stopping = False
        self._once = WarnOnce()
        self.redis_since: float | None = None
        """The loop's time since when Redis has answered without a break; None while it does not."""
        self.rounds = PeriodicTask("the sweep", self._look, BEAT_SECONDS)

    def stop_sweeping(self) -> None:
        """What a stopping worker hands over is for others: its own message would come back to it."""
        self._stopping = True

    async def close(self) -> None:
        await self.rounds.close()
        try:
            await self._store.leave(self._worker)
        except RedisError as error:
            log.debug("could not sign off", problem=str(error))

    async def _look(self) -> None:
        try:
            await self._beat()
            self._answered()
            jobs = [(job_id, await self._sweep(job_id)) for job_id in await self._store.live_jobs()]
            self._share({job_id: counts for job_id, counts in jobs if counts is not None})
        except RedisError as error:
            if not is_mendable(error):
                # Of one job it would be met below: what all jobs share is spoilt.
                raise
            self.redis_since = None
            log.warning("cannot sweep, will try again", problem=str(error))

    async def _beat(self) -> None:
        try:
            await self._store.beat(self._worker, FORGET_MS)
        except RedisError as error:
            if is_mendable(error):
                raise
            # Nobody sees that this worker lives; the jobs are to go on all the same.
            self._say_once(self._worker, "cannot show that this worker lives", error)

    def _say_once(self, about: str, words: str, error: Exception, **more: str) -> None:
        if self._once.is_first((about, type(error))):
            log.warning(words, problem=str(error), **more)

    def _answered(self) -> None:
        if self.redis_since is None:
            self.redis_since = asyncio.get_running_loop().time()

    async def _sweep(self, job_id: str) -> SliceCounts | None:
        if self._stopping:
            return None
        try:
            swept = await self._store.sweep(job_id)
            await self._queue(job_id, swept.queue)
        except Exception as error:
            if isinstance(error, RedisError) and is_mendable(error):
                raise
            # One damaged job must not cost the others their sweep.
            self._say_once(job_id, "cannot sweep job, will try again", error, job_id=job_id)
            return None
        return swept.counts
