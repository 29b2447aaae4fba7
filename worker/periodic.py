"""Work that comes round until its owner closes it."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger(__name__)


class PeriodicTask:
    """Calls `work`, then again and again, each time `seconds` after the last call ended.

    Whatever a call raises is logged, once until a call ends well again, and the next call comes all the same:
    this is how workers look after jobs, and none of it may stop for one bad value. `name` is for the log.
    """

    def __init__(self, name: str, work: Callable[[], Awaitable[None]], seconds: float) -> None:
        self._name = name
        self._work = work
        self._seconds = seconds
        self._closing = asyncio.Event()
        self._trouble: str | None = None
        self._task = asyncio.create_task(self._run())

    @property
    def trouble(self) -> str | None:
        """What ails it, in words; None while its calls end well."""
        if self._task.done() and not self._closing.is_set():
            return f"{self._name} stopped"
        return None if self._trouble is None else f"{self._name} fails ({self._trouble})"

    @property
    def has_stopped(self) -> bool:
        """No call will come any more, though nobody closed it."""
        return self._task.done() and not self._closing.is_set()

    async def close(self) -> None:
        """Returns once the call under way has ended."""
        # Told, not cancelled: a cancellation that meets a time-out inside the Redis client can get lost.
        self._closing.set()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while not self._closing.is_set():
            await self._call()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), self._seconds)

    async def _call(self) -> None:
        try:
            await self._work()
        except Exception as error:
            kind = type(error).__name__
            if kind != self._trouble:
                log.exception("a periodic task failed, and goes on", task=self._name)
            self._trouble = kind
        else:
            self._trouble = None
