"""The lock for exchanging an API token, and the result of the last exchange, shared by all workers.

Contains neither tokens nor anything from which one could be derived; see `worker.api.token_exchange`.
"""

from enum import StrEnum
from typing import Any, Final

import msgspec
import redis.asyncio

from worker.core.answers.retry_after import LONGEST
from worker.store import keys
from worker.store.script_calls import ExchangeScript, source

EXCHANGE_LOCK_SECONDS: Final = 5.0
"""Seconds after which the lock expires unless its holder renews it: so long a dead worker blocks others."""
LONGEST_PAUSE: Final = LONGEST + 60.0
"""Maximum seconds of a pause. A longer one in Redis was forged."""


class ExchangeKind(StrEnum):
    UNKNOWN = ""
    GRANTED = "granted"
    SERVED = "served"
    """The API has accepted a request with a granted token."""
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"


class ExchangeLockReply(msgspec.Struct, frozen=True):
    """The reply to a worker that tries to acquire the lock: acquired if `pause` and `busy` are 0."""

    pause: float = 0.0
    """Seconds until the next exchange is allowed, after a failed one."""
    busy: float = 0.0
    """Seconds until another worker's lock expires, unless it is renewed."""
    kind: str = ExchangeKind.UNKNOWN
    failures: int = 0
    tag: str = ""
    """Tag of the credential that was rejected."""
    message: str = ""


class ExchangeResult(msgspec.Struct, frozen=True):
    """How an exchange ended, shared with all workers."""

    kind: ExchangeKind = ExchangeKind.UNKNOWN
    pause: float = 0.0
    failures: int = 0
    tag: str = ""
    message: str = ""


_decode: Final = msgspec.json.Decoder(ExchangeLockReply, strict=False).decode


class ExchangeStore:
    """The exchange locks of all organizations, used by the worker process `worker`.

    Methods raise `RedisError`, and `ValueError` for a damaged record.
    """

    def __init__(self, client: redis.asyncio.Redis, host: str, worker: str) -> None:
        self._worker = worker
        self._host = host
        self._scripts = {script: client.register_script(source(script)) for script in ExchangeScript}

    async def begin(self, org_id: str, *, mended: bool) -> ExchangeLockReply:
        """Tries to acquire or renew the lock. `mended`: the credential is not the one that was rejected."""
        limits = (round(1e6 * EXCHANGE_LOCK_SECONDS), round(1e6 * LONGEST_PAUSE))
        return _decode(await self._call(ExchangeScript.BEGIN, org_id, *limits, int(mended)))

    async def end(self, org_id: str, ended: ExchangeResult, unshared: int) -> None:
        """Releases the lock. `unshared`: number of exchanges made without it, for the metrics."""
        await self._call(
            ExchangeScript.END,
            org_id,
            ended.kind,
            round(1e6 * ended.pause),
            ended.failures,
            ended.tag,
            ended.message,
            unshared,
        )

    async def _call(self, script: ExchangeScript, org_id: str, *args: str | int) -> Any:
        return await self._scripts[script](
            keys=[keys.exchange(self._host, org_id)], args=[self._worker, *args]
        )
