"""A lock that allows one token exchange at a time per organization, and none for a while after a failure.

It is kept in Redis. While Redis is away it fails open, limited only by the process's own last failure; this
is logged, and counted once Redis is back. All processes may then exchange at once, which is better than a job
that waits for ever.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog
from redis.exceptions import RedisError

from worker.store.exchanges import ExchangeKind, ExchangeLockReply, ExchangeResult, ExchangeStore

_REDIS_TIMEOUT: Final = 3.0
"""Seconds that Redis has to answer."""

log = structlog.get_logger(__name__)


class ExchangeLock(Protocol):
    """The lock, and the outcome of the last exchange of each organization."""

    async def acquire(self, org_id: str, *, other_credential: bool) -> ExchangeLockReply:
        """Acquires or renews the lock. It is held if `pause` and `busy` of the result are 0.

        `other_credential`: the credential differs from the refused one, so that refusal does not count.
        """

    async def release(self, org_id: str, ended: ExchangeResult) -> None:
        """Releases the lock and records how the exchange ended. Raises nothing."""


@dataclass(slots=True)
class _LastExchange:
    """The outcome of the last exchange, and until when (monotonic seconds) it forbids another one."""

    until: float = 0.0
    last: ExchangeResult = field(default_factory=ExchangeResult)


class LocalExchangeLock:
    """The lock for one process, in which there is one exchange at a time anyway. `now`: monotonic seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._last: dict[str, _LastExchange] = {}

    async def acquire(self, org_id: str, *, other_credential: bool) -> ExchangeLockReply:
        remembered = self._last.setdefault(org_id, _LastExchange())
        last = remembered.last
        ignored = other_credential and last.kind is ExchangeKind.REFUSED
        pause = 0.0 if ignored else max(0.0, remembered.until - self._now())
        return ExchangeLockReply(pause, 0.0, last.kind, last.failures, last.tag, last.message)

    async def release(self, org_id: str, ended: ExchangeResult) -> None:
        remembered = self._last.setdefault(org_id, _LastExchange())
        match ended.kind:
            case ExchangeKind.REFUSED | ExchangeKind.UNAVAILABLE:
                remembered.until, remembered.last = self._now() + ended.pause, ended
            case ExchangeKind.GRANTED:
                remembered.until = 0.0
                if remembered.last.kind is not ExchangeKind.REFUSED:
                    remembered.last = ExchangeResult()
            case ExchangeKind.SERVED:
                remembered.until, remembered.last = 0.0, ExchangeResult()


class SharedExchangeLock:
    """The lock shared by all workers on one Redis."""

    def __init__(self, store: ExchangeStore, now: Callable[[], float]) -> None:
        self._store = store
        self._local = LocalExchangeLock(now)
        self._unlocked_orgs: set[str] = set()
        """Organizations with an exchange under way without the lock."""
        self._uncounted = 0
        """Exchanges made without the lock and not yet counted in Redis."""

    async def acquire(self, org_id: str, *, other_credential: bool) -> ExchangeLockReply:
        try:
            async with asyncio.timeout(_REDIS_TIMEOUT):
                return await self._store.begin(org_id, mended=other_credential)
        except (RedisError, ValueError, TimeoutError) as error:
            turn = await self._local.acquire(org_id, other_credential=other_credential)
            if not turn.pause and org_id not in self._unlocked_orgs:
                self._unlocked_orgs.add(org_id)
                self._uncounted += 1
                log.warning("token exchange without a turn: Redis is away", problem=type(error).__name__)
            return turn

    async def release(self, org_id: str, ended: ExchangeResult) -> None:
        await self._local.release(org_id, ended)
        self._unlocked_orgs.discard(org_id)
        uncounted = self._uncounted
        try:
            async with asyncio.timeout(_REDIS_TIMEOUT):
                await self._store.end(org_id, ended, uncounted)
        except (RedisError, TimeoutError) as error:
            log.warning(
                "the end of a token exchange is not told: Redis is away", problem=type(error).__name__
            )
        else:
            self._uncounted -= uncounted
