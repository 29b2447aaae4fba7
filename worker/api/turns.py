"""Exchanges in turn: one at a time over all workers of an organization, and none while a failure is fresh.

Kept in Redis. Where Redis does not answer an exchange is made all the same, after this process's own last
failure alone: this fails open, is logged, and is counted once Redis is back. The account is then asked by as
many at once as there are processes; a job that waits for ever would be worse.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog
from redis.exceptions import RedisError

from worker.store.exchanges import Ended, ExchangeStore, Kind, Turn

_PATIENCE: Final = 3.0
"""Seconds that Redis has to answer; a turn must not be lost by waiting to tell so."""

log = structlog.get_logger(__name__)


class Turns(Protocol):
    async def begin(self, org_id: str, *, mended: bool) -> Turn:
        """Asks for the turn, or renews it. It is given where nothing stands in its way."""

    async def end(self, org_id: str, ended: Ended) -> None:
        """Gives the turn back and tells how the exchange ended. Raises nothing."""


@dataclass(slots=True)
class _Known:
    until: float = 0.0
    last: Ended = field(default_factory=Ended)


class LocalTurns:
    """Of this process alone, where there is one exchange at a time anyhow. `now` is monotonic seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._known: dict[str, _Known] = {}

    async def begin(self, org_id: str, *, mended: bool) -> Turn:
        known = self._known.setdefault(org_id, _Known())
        last = known.last
        passed_over = mended and last.kind is Kind.REFUSED
        pause = 0.0 if passed_over else max(0.0, known.until - self._now())
        return Turn(pause, 0.0, last.kind, last.failures, last.tag, last.message)

    async def end(self, org_id: str, ended: Ended) -> None:
        known = self._known.setdefault(org_id, _Known())
        match ended.kind:
            case Kind.REFUSED | Kind.UNAVAILABLE:
                known.until, known.last = self._now() + ended.pause, ended
            case Kind.GRANTED:
                known.until = 0.0
                if known.last.kind is not Kind.REFUSED:
                    known.last = Ended()
            case Kind.SERVED:
                known.until, known.last = 0.0, Ended()


class SharedTurns:
    """Of all workers on one Redis."""

    def __init__(self, store: ExchangeStore, now: Callable[[], float]) -> None:
        self._store = store
        self._alone = LocalTurns(now)
        self._without: set[str] = set()
        """Organizations for which an exchange goes on without a turn."""
        self._unshared = 0
        """Exchanges made without a turn that are not counted in Redis yet."""

    async def begin(self, org_id: str, *, mended: bool) -> Turn:
        try:
            async with asyncio.timeout(_PATIENCE):
                return await self._store.begin(org_id, mended=mended)
        except (RedisError, ValueError, TimeoutError) as error:
            turn = await self._alone.begin(org_id, mended=mended)
            if not turn.pause and org_id not in self._without:
                self._without.add(org_id)
                self._unshared += 1
                log.warning("token exchange without a turn: Redis is away", problem=type(error).__name__)
            return turn

    async def end(self, org_id: str, ended: Ended) -> None:
        await self._alone.end(org_id, ended)
        self._without.discard(org_id)
        unshared = self._unshared
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._store.end(org_id, ended, unshared)
        except (RedisError, TimeoutError) as error:
            log.warning(
                "the end of a token exchange is not told: Redis is away", problem=type(error).__name__
            )
        else:
            self._unshared -= unshared
