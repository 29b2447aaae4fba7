"""Runs a function again and again until it is closed."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger(__name__)


class PeriodicTask:
    """Calls `work` at once, and again `seconds` after each call has ended.

    An exception is logged once until a call succeeds or fails differently, and never ends the task: workers
    look after jobs this way, which must not stop for one bad value. `name` is for the log.
    """

    def __init__(self, name: str, work: Callable[[], Awaitable[None]], seconds: float) -> None:
        self._name = name
        self._work = work
        self._seconds = seconds
        self._closing = asyncio.Event()
        self._trouble: str | None = None
        self._task = asyncio.create_task(self._run(), name=name)

    @property
    def trouble(self) -> str | None:
        """What is wrong, as text; None while calls succeed."""
        if self._task.done() and not self._closing.is_set():
            return f"{self._name} stopped"
        return None if self._trouble is None else f"{self._name} fails ({self._trouble})"

    @property
    def has_stopped(self) -> bool:
        """Whether the task ended without having been closed."""
        return self._task.done() and not self._closing.is_set()

    @property
    def is_closing(self) -> bool:
        """Whether `close` waits for the current call, which a long one looks at."""
        return self._closing.is_set()

    async def close(self) -> None:
        """Stops the task. Returns once the current call has ended."""
        # An event, not a cancellation, which can get lost in a time-out inside the Redis client.
        self._closing.set()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while not self._closing.is_set():
            await self._call()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._seconds):
                    await self._closing.wait()

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
