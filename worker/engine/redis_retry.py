"""Waits for Redis to come back: what is known of ids in flight is kept until it can be written."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog
from redis.exceptions import RedisError

from worker.core.backoff import backoff
from worker.store.connect import is_mendable

LAST_TRIES: Final = 5.0
"""Seconds that a stopping worker still waits for Redis. What it then cannot record stays marked as perhaps
sent, and is ambiguous to the worker that goes on."""

T = TypeVar("T")
log = structlog.get_logger(__name__)


class RedisRetry:
    """One per engine. Retries without end while the worker works, for `LAST_TRIES` once it stops."""

    def __init__(self) -> None:
        self._ends: float | None = None

    def stop_soon(self) -> None:
        """Begins the last `LAST_TRIES` seconds: the worker stops."""
        if self._ends is None:
            self._ends = asyncio.get_running_loop().time() + LAST_TRIES

    async def __call__(self, call: Callable[[], Awaitable[T]]) -> T:
        """The result of `call`, tried again for as long as Redis is away, full, busy or read-only.

        Raises what waiting does not mend, and the last problem once the time is up.
        """
        attempt = 0
        while True:
            attempt += 1
            try:
                return await call()
            except RedisError as error:
                if not is_mendable(error) or self._is_over():
                    raise
                problem = str(error)
            log.warning("Redis is not to be used now, will try again", problem=problem, attempt=attempt)
            await asyncio.sleep(backoff(attempt, base=0.1, cap=2.0, roll=random.random()))

    def _is_over(self) -> bool:
        return self._ends is not None and asyncio.get_running_loop().time() >= self._ends
