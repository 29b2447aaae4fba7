"""Hears of each hold the moment it begins, wherever the 429 was met, so that nobody sends into it."""

import asyncio
import random
from collections.abc import Callable
from typing import Final

import redis.asyncio
import structlog
from redis.exceptions import RedisError

from worker.core.backoff import backoff
from worker.store.budget import HOLDS, read_hold

_QUIET: Final = 2.0
"""Seconds: how long one look for news lasts, well under the connection's time-out."""

log = structlog.get_logger(__name__)


class Holds:
    """One per worker process, with a connection of its own. `tell` is given the budget's key and seconds.

    Best effort: while the connection is away, a hold is heard of with the next run of slots.
    """

    def __init__(self, client: redis.asyncio.Redis, tell: Callable[[str, float], None]) -> None:
        self._client = client
        self._tell = tell
        self.listening = asyncio.Event()
        self._closed = False
        self._trouble: str | None = None
        self._task = asyncio.create_task(self._listen())

    @property
    def trouble(self) -> str | None:
        """What ails it, in words."""
        if self.has_stopped:
            return "listening for holds stopped"
        return None if self._trouble is None else f"listening for holds fails ({self._trouble})"

    @property
    def has_stopped(self) -> bool:
        return self._task.done() and not self._closed

    async def close(self) -> None:
        # Told as well: the client can take a cancellation for the end of what it sends (`asyncio.wait_for`
        # up to Python 3.11), and would look for news for ever.
        self._closed = True
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _listen(self) -> None:
        attempt = 0
        while not self._closed:
            try:
                async with self._client.pubsub(ignore_subscribe_messages=False) as channel:
                    await channel.subscribe(HOLDS)
                    while not self._closed:
                        message = await channel.get_message(timeout=_QUIET)
                        if message is None:
                            continue
                        attempt = 0
                        self._trouble = None
                        if message["type"] == "message":
                            self._hear(message["data"])
                        else:
                            self.listening.set()
            except RedisError as error:
                log.debug("cannot listen for holds, will try again", problem=str(error))
            except Exception as error:
                if self._trouble is None:
                    log.exception("listening for holds failed, will try again")
                self._trouble = type(error).__name__
            self.listening.clear()
            attempt += 1
            await asyncio.sleep(backoff(attempt, base=0.1, cap=2.0, roll=random.random()))

    def _hear(self, message: bytes) -> None:
        hold = read_hold(message)
        if hold is None:
            log.debug("a message on the channel of holds tells of none")
        else:
            self._tell(*hold)
