"""Removes jobs that have rested for longer than `RETENTION`.

Every worker does so, and that many do it at once is harmless. Where workers differ, the shortest holds.
"""

from typing import Final

import structlog
from redis.exceptions import RedisError, ResponseError

from worker.process.periodic import PeriodicTask
from worker.store.claims import ClaimStore
from worker.store.connect import is_mendable
from worker.telemetry.warn_once import WarnOnce

INTERVAL: Final = 60.0
"""Seconds between two looks, at most; a shorter retention is looked after as often as it is long."""

log = structlog.get_logger(__name__)


class Retention:
    """`seconds`: how long a job that rests is kept."""

    def __init__(self, store: ClaimStore, seconds: float) -> None:
        self._store = store
        self._seconds = seconds
        self._once = WarnOnce()
        self.rounds = PeriodicTask("retention", self._purge, min(INTERVAL, seconds))

    async def close(self) -> None:
        await self.rounds.close()

    async def _purge(self) -> None:
        rested_ms = round(self._seconds * 1000)
        try:
            for job_id in await self._store.maybe_rested(rested_ms):
                if self._is_closing():
                    return
                await self._purge_one(job_id, rested_ms)
        except RedisError as error:
            if not is_mendable(error):
                raise
            log.warning("cannot remove old jobs, will try again", problem=str(error))

    def _is_closing(self) -> bool:
        """A removal that has begun is left to other workers: at the end of this one nothing waits for it."""
        return self.rounds.is_closing

    async def _purge_one(self, job_id: str, rested_ms: int) -> None:
        try:
            if await self._store.purge(job_id, rested_ms, self._is_closing):
                log.info("job removed: it rested for longer than RETENTION", job_id=job_id)
        except ResponseError as error:
            if is_mendable(error):
                raise
            # One damaged job must not keep the others here.
            if self._once.is_first(job_id):
                log.warning("cannot remove job, will try again", job_id=job_id, problem=str(error))
