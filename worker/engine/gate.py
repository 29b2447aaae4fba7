"""Where requests wait while the API is away: the circuit breaker of a process and API host, on its loop."""

import asyncio
import contextlib
from collections.abc import Callable
from enum import Enum, auto
from time import monotonic
from typing import Final

import structlog
from msgspec.structs import replace

from worker.core.answer import Faulty, Unreached, Verdict
from worker.core.batch import Batch
from worker.core.breaker import Breaker, Phase, is_away

_LOOK_UP: Final = 0.5
"""Seconds: how often a wait looks whether it still has a purpose."""

log = structlog.get_logger(__name__)


class Entry(Enum):
    """How a request may go out."""

    NORMAL = auto()
    PROBE = auto()
    """As the one that finds out whether the API is back."""


class Gate:
    """One per process. Every request enters, and every answer is noted."""

    def __init__(self) -> None:
        self.breaker = Breaker()
        self._changed = asyncio.Event()

    async def enter(self, wanted: Callable[[], bool], waits: Callable[[str], None]) -> Entry | None:
        """Waits until a request may go out; None where it is not `wanted` any more.

        `waits` is told once why it has to wait.
        """
        told = False
        while wanted():
            if self.breaker.admits(monotonic()):
                return Entry.NORMAL if self.breaker.phase is Phase.CLOSED else Entry.PROBE
            if not told:
                told = True
                waits(f"the API does not answer ({self.breaker.problem}); the job goes on when it is back")
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), min(self.breaker.wait(monotonic()), _LOOK_UP))
        return None

    def still_good(self, entry: Entry) -> bool:
        """Whether what entered may still be sent, after a wait for its turn."""
        return entry is Entry.PROBE or self.breaker.phase is Phase.CLOSED

    def leave(self, entry: Entry) -> None:
        """What entered is not sent after all."""
        if entry is Entry.PROBE:
            self.breaker.withdrawn(monotonic())
            self._changed.set()

    def note(self, verdict: Verdict, batch: Batch, entry: Entry) -> tuple[Batch, int | None]:
        """Learns from the answer to `batch`; the number of the failure, where one is owed for it."""
        before = self.breaker.phase
        owed = None
        if is_away(verdict):
            batch, owed = self._failed(verdict, batch, entry)
        else:
            self.breaker.success()
        if self.breaker.phase is not before:
            self._changed.set()
            log.warning("circuit breaker", phase=self.breaker.phase.name, problem=self.breaker.problem)
        return batch, owed

    def settled(self, batch: Batch) -> tuple[Batch, int]:
        """The batch with what it owes charged or forgiven, as far as that is known; how much was charged."""
        if not batch.owed:
            return batch, 0
        known = {number: self.breaker.guilty(number) for number in batch.owed}
        guilty = sum(verdict is True for verdict in known.values())
        if guilty:
            batch = batch.charged(guilty)
        return replace(batch, owed=tuple(n for n, verdict in known.items() if verdict is None)), guilty

    def _failed(self, verdict: Verdict, batch: Batch, entry: Entry) -> tuple[Batch, int | None]:
        assert isinstance(verdict, Faulty | Unreached)
        status = verdict.reason.status
        problem = f"HTTP {status}" if status else verdict.reason.message or verdict.reason.name
        explained = bool(status) and self.breaker.explains(batch.witnessed)
        number = self.breaker.failure(monotonic(), problem, probe=entry is Entry.PROBE, explained=explained)
        if status and batch.witnessed is None:
            batch = replace(batch, witnessed=self.breaker.successes)
        return batch, None if isinstance(verdict, Unreached) or batch.is_free else number
