"""What a Redis holds beside jobs: its clock, rates, live workers, and whether it takes writes.

Blocking calls.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

import redis
from redis.exceptions import ResponseError

from worker.core.job import ReasonCode
from worker.core.scope import Scope
from worker.store import keys
from worker.store.location import HERE, StoreLocation

WORKERS_WITHIN_MS: Final = 10_000
"""Milliseconds of silence after which a worker process is not counted as alive; it beats each second."""

BUDGET_FIELDS: Final = ("override", "label", "ceiling", "rate", "hold_us")


@dataclass(frozen=True, slots=True)
class RawBudget:
    """The stored rate of an organization; without values before its first request."""

    configured: str | None
    rate: float | None
    held_until_ms: float


def raw_budget(values: Sequence[bytes | None]) -> RawBudget:
    """`values`: those of `BUDGET_FIELDS`."""
    override, label, ceiling, rate, hold_us = (None if value is None else value.decode() for value in values)
    current = min(float(rate), float(ceiling)) if rate and ceiling else None
    # An order is in force as soon as it is given, even before a worker asks.
    return RawBudget(override or label, current, float(hold_us or 0) / 1000)


class StoreReader:
    """Reads what belongs to no single job, over one Redis client. Every call may raise `RedisError`."""

    def __init__(self, client: redis.Redis, where: StoreLocation = HERE) -> None:
        self._redis = client
        self.where = where

    def now_ms(self) -> int:
        """The store's clock, in milliseconds; no other clock counts."""
        seconds, micros = self._redis.time()
        return seconds * 1000 + micros // 1000

    def refuses_writes(self) -> tuple[ReasonCode, str] | None:
        """Why nothing can be recorded at present, as a code and a sentence; None where writes are taken."""
        memory, replication = self._redis.info("memory"), self._redis.info("replication")
        if replication.get("role") == "slave" and replication.get("slave_read_only", 1):
            return ReasonCode.STORE_READ_ONLY, (
                "Redis is a read-only replica, so nothing can be recorded: make it a primary, or have"
                " BULK_ACTIVATE_REDIS_URL lead to the primary; the job then goes on by itself"
            )
        most = int(memory.get("maxmemory", 0))
        if most and int(memory["used_memory"]) >= most:
            return ReasonCode.STORE_FULL, (
                f"Redis is full ({most:,} bytes), so nothing can be recorded:"
                " raise its maxmemory, or purge jobs that rest; the job then goes on by itself"
            )
        try:
            # Redis refuses PING, as it refuses writes, for this reason alone.
            self._redis.ping()
        except ResponseError as error:
            if not str(error).startswith("MISCONF"):
                raise
            return ReasonCode.STORE_CANNOT_SAVE, (
                "Redis cannot save to its disk and takes no writes, so nothing can be recorded:"
                " free or mend its disk; the job then goes on by itself"
            )
        return None

    def budget(self, host: str, org_id: str) -> RawBudget:
        found = self._redis.hmget(keys.budget(host, org_id), BUDGET_FIELDS)
        return raw_budget(cast("list[bytes | None]", found))

    def live_scopes(self, within_ms: int) -> list[Scope]:
        """The scopes of worker processes that showed life within the last `within_ms`.

        None where somebody else gave the key another type: that harms no job.
        """
        now = self.now_ms()
        try:
            found = self._redis.zrangebyscore(keys.SCOPES, now - within_ms, now + within_ms)
        except ResponseError as error:
            if not str(error).startswith("WRONGTYPE"):
                raise
            return []
        return [Scope.parse(text.decode(errors="replace")) for text in cast("list[bytes]", found)]

    def apis_in_use(self) -> set[str]:
        """Scheme and host of each API that a live worker has, or a job that does not rest."""
        live = keys.job_ids(cast("set[bytes]", self._redis.smembers(keys.LIVE)))
        with self._redis.pipeline(transaction=False) as pipe:
            for job_id in live:
                pipe.hget(keys.job(job_id), "api_url")
            # The reply for a damaged job is an error, and is left out.
            found = pipe.execute(raise_on_error=False)
        bound = {api_url.decode(errors="replace") for api_url in found if isinstance(api_url, bytes)}
        return bound | {scope.api_url for scope in self.live_scopes(WORKERS_WITHIN_MS)}

    def live_workers(self, within_ms: int) -> int:
        """Worker processes that gave a sign of life within the last `within_ms`."""
        now = self.now_ms()
        return self._redis.zcount(keys.WORKERS, now - within_ms, now + within_ms)
