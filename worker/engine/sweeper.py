"""Shows that this process lives, and finds what others left behind: leases that ran out, lost messages,
uploads that were abandoned.

Every worker runs one; that many do so at once is harmless, since each finding is handed to one of them.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

import structlog
from redis.exceptions import RedisError

from worker.core.rate.fairness import Standing
from worker.engine.ledger import Queue
from worker.rounds import Rounds
from worker.store.claims import ClaimStore

BEAT_SECONDS: Final = 1.0
FORGET_MS: Final = 15_000
"""A worker that is silent for longer is no longer listed."""

log = structlog.get_logger(__name__)


class Sweeper:
    """`queue` sends the messages for what is found; `share` is told how each job stands."""

    def __init__(
        self, store: ClaimStore, worker: str, queue: Queue, share: Callable[[Mapping[str, Standing]], None]
    ) -> None:
        self._store = store
        self._worker = worker
        self._queue = queue
        self._share = share
        self._stopping = False
        self.redis_since: float | None = None
        """The loop's time since when Redis has answered without a break; None while it does not."""
        self._rounds = Rounds(self._look, BEAT_SECONDS)

    def stop_sweeping(self) -> None:
        """What a stopping worker hands over is for others: its own message would come back to it."""
        self._stopping = True

    async def close(self) -> None:
        await self._rounds.close()
        try:
            await self._store.leave(self._worker)
        except RedisError as error:
            log.debug("could not sign off", problem=str(error))

    async def _look(self) -> None:
        try:
            await self._store.beat(self._worker, FORGET_MS)
            self._answered()
            jobs = [(job_id, await self._sweep(job_id)) for job_id in await self._store.live_jobs()]
            self._share({job_id: standing for job_id, standing in jobs if standing is not None})
        except RedisError as error:
            self.redis_since = None
            log.warning("cannot sweep, will try again", problem=str(error))

    def _answered(self) -> None:
        if self.redis_since is None:
            self.redis_since = asyncio.get_running_loop().time()

    async def _sweep(self, job_id: str) -> Standing | None:
        if self._stopping:
            return None
        try:
            swept = await self._store.sweep(job_id)
            await self._queue(job_id, swept.queue)
        except Exception as error:  # noqa: BLE001 -- one broken job must not cost the others their sweep.
            log.warning("cannot sweep job, will try again", job_id=job_id, problem=str(error))
            return None
        return swept.standing
