"""Where requests wait while the API is away: the circuit breaker of a process and API host, on its loop."""

import asyncio
import contextlib
from collections.abc import Callable
from enum import Enum, auto
from time import monotonic
from typing import Final

import structlog

from worker.core.answers.answer import Verdict
from worker.core.batches.batch import Batch
from worker.core.retrying.blame import Attribution, attribute, needs_scout, resolve_charges
from worker.core.retrying.breaker import Breaker, BreakerState

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
                return Entry.NORMAL if self.breaker.state is BreakerState.CLOSED else Entry.PROBE
            if not told:
                told = True
                waits(f"{self.breaker.problem}; the job goes on when it is back")
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), min(self.breaker.wait(monotonic()), _LOOK_UP))
        return None

    def still_good(self, entry: Entry) -> bool:
        """Whether what entered may still be sent, after a wait for its turn."""
        return entry is Entry.PROBE or self.breaker.state is BreakerState.CLOSED

    def leave(self, entry: Entry) -> None:
        """What entered is not sent after all."""
        if entry is Entry.PROBE:
            self.breaker.withdraw_probe(monotonic())
            self._changed.set()

    def note(self, verdict: Verdict, batch: Batch, entry: Entry) -> Attribution:
        """Learns from the answer to `batch`, and says whose fault it was, as far as that is known."""
        before = self.breaker.state
        known = attribute(self.breaker, verdict, batch, monotonic(), breaker_probe=entry is Entry.PROBE)
        if self.breaker.state is not before:
            self._changed.set()
            log.warning("circuit breaker", phase=self.breaker.state.name, problem=self.breaker.problem)
        return known

    def resolve_charges(self, batch: Batch) -> tuple[Batch, int]:
        """See `worker.core.retrying.blame.resolve_charges`."""
        return resolve_charges(self.breaker, batch)

    def wants_a_scout(self, batch: Batch) -> bool:
        return needs_scout(self.breaker, batch)
