"""Waits for Redis to come back: what is known of ids in flight is kept until it can be written."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from redis.exceptions import RedisError

from worker.core.backoff import backoff
from worker.store.connect import is_mendable

T = TypeVar("T")
log = structlog.get_logger(__name__)


async def patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """The result of `ask`, tried again for as long as Redis is away, full or read-only."""
    attempt = 0
    while True:
        attempt += 1
        try:
            return await ask()
        except RedisError as error:
            if not is_mendable(error):
                raise
            problem = str(error)
        log.warning("Redis is not to be used now, will try again", problem=problem, attempt=attempt)
        await asyncio.sleep(backoff(attempt, base=0.1, cap=2.0, roll=random.random()))
