"""Hears of each hold the moment it begins, wherever the 429 was met, so that nobody sends into it."""

import asyncio
import contextlib
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
        self._task = asyncio.create_task(self._listen())

    async def close(self) -> None:
        # Told as well: the client can take a cancellation for the end of what it sends (`asyncio.wait_for`
        # up to Python 3.11), and would look for news for ever.
        self._closed = True
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _listen(self) -> None:
        attempt = 0
        while not self._closed:
            with contextlib.suppress(RedisError):
                async with self._client.pubsub(ignore_subscribe_messages=False) as channel:
                    await channel.subscribe(HOLDS)
                    while not self._closed:
                        message = await channel.get_message(timeout=_QUIET)
                        if message is None:
                            continue
                        attempt = 0
                        if message["type"] == "message":
                            self._tell(*read_hold(message["data"]))
                        else:
                            self.listening.set()
            self.listening.clear()
            attempt += 1
            await asyncio.sleep(backoff(attempt, base=0.1, cap=2.0, roll=random.random()))
