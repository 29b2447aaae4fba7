"""Whose turn it is to exchange an API token, and how the last exchange failed, for all workers.

Neither a token nor anything that it could be found out from is ever here; see `worker.api.token_exchange`.
"""

from enum import StrEnum
from typing import Any, Final

import msgspec
import redis.asyncio

from worker.core.answers.retry_after import LONGEST
from worker.store import keys
from worker.store.script_calls import ExchangeScript, source

EXCHANGE_LOCK_SECONDS: Final = 5.0
"""Seconds for which a worker that died blocks the others. A turn is renewed while it is used."""
LONGEST_PAUSE: Final = LONGEST + 60.0
"""Maximum seconds of a pause. One that lies further ahead was not written by us."""


class ExchangeKind(StrEnum):
    UNKNOWN = ""
    GRANTED = "granted"
    SERVED = "served"
    """The API has accepted a request with a token granted."""
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"


class ExchangeLockReply(msgspec.Struct, frozen=True):
    """The reply to a worker that asks for the turn: it has it where `pause` and `busy` are 0."""

    pause: float = 0.0
    """Seconds for which nobody exchanges, since the last exchange failed."""
    busy: float = 0.0
    """Seconds that another worker's turn still lasts, unless it is renewed."""
    kind: str = ExchangeKind.UNKNOWN
    failures: int = 0
    tag: str = ""
    """Tag of the credential that was rejected."""
    message: str = ""


class ExchangeResult(msgspec.Struct, frozen=True):
    """How an exchange ended, to be told to all."""

    kind: ExchangeKind = ExchangeKind.UNKNOWN
    pause: float = 0.0
    failures: int = 0
    tag: str = ""
    message: str = ""


_decode: Final = msgspec.json.Decoder(ExchangeLockReply, strict=False).decode


class ExchangeStore:
    """The turns to exchange API tokens, for the worker process `worker`.

    Raises `RedisError`, and `ValueError` for a record that others spoilt.
    """

    def __init__(self, client: redis.asyncio.Redis, host: str, worker: str) -> None:
        self._worker = worker
        self._host = host
        self._scripts = {script: client.register_script(source(script)) for script in ExchangeScript}

    async def begin(self, org_id: str, *, mended: bool) -> ExchangeLockReply:
        """Asks for the turn. `mended`: the credential is not the one that was rejected."""
        limits = (round(1e6 * EXCHANGE_LOCK_SECONDS), round(1e6 * LONGEST_PAUSE))
        return _decode(await self._call(ExchangeScript.BEGIN, org_id, *limits, int(mended)))

    async def end(self, org_id: str, ended: ExchangeResult, unshared: int) -> None:
        """Gives the turn back. `unshared`: exchanges made without a turn, to be counted."""
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
