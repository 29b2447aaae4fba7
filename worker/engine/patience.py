"""Waits for Redis to come back: what is known of ids in flight is kept until it can be written."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog
from redis.exceptions import ResponseError

from worker.core.backoff import backoff
from worker.store.connect import TRANSIENT

_MENDABLE: Final = ("OOM", "READONLY", "MISCONF", "MASTERDOWN", "NOREPLICAS", "NOAUTH", "NOPERM")
"""Error codes of Redis that someone can mend while we wait."""

T = TypeVar("T")
log = structlog.get_logger(__name__)


async def patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """The result of `ask`, tried again for as long as Redis is away, full or read-only."""
    attempt = 0
    while True:
        attempt += 1
        try:
            return await ask()
        except TRANSIENT as error:
            problem = str(error)
        except ResponseError as error:
            problem = str(error)
            if not problem.startswith(_MENDABLE):
                raise
        log.warning("Redis is not to be used now, will try again", problem=problem, attempt=attempt)
        await asyncio.sleep(backoff(attempt, base=0.1, cap=2.0, roll=random.random()))
