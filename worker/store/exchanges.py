"""Whose turn it is to exchange an API token, and how the last exchange failed, for all workers.

Neither a token nor anything that it could be found out from is ever here; see `worker.api.token_exchange`.
"""

from enum import StrEnum
from typing import Any, Final

import msgspec
import redis.asyncio

from worker.core.retry_after import LONGEST
from worker.store import keys
from worker.store.steps import ExchangeStep, text

TURN_SECONDS: Final = 5.0
"""How long a worker that died blocks the others. A turn is renewed while it is used."""
LONGEST_PAUSE: Final = LONGEST + 60.0
"""Seconds. A pause that lies further ahead is none of ours."""


class Kind(StrEnum):
    UNKNOWN = ""
    GRANTED = "granted"
    SERVED = "served"
    """The API let a request with a token granted in."""
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"


class Turn(msgspec.Struct, frozen=True):
    """What stands between a worker and its exchange: nothing, where `pause` and `busy` are 0."""

    pause: float = 0.0
    """Seconds that nobody is to ask, since the last exchange failed."""
    busy: float = 0.0
    """Seconds that another worker's turn lasts unless it is renewed."""
    kind: str = Kind.UNKNOWN
    failures: int = 0
    tag: str = ""
    """Of the credential that was refused."""
    message: str = ""


class Ended(msgspec.Struct, frozen=True):
    """How an exchange ended, to be told to all."""

    kind: Kind = Kind.UNKNOWN
    pause: float = 0.0
    failures: int = 0
    tag: str = ""
    message: str = ""


_decode: Final = msgspec.json.Decoder(Turn, strict=False).decode


class ExchangeStore:
    """As the worker process `worker` sees it.

    Raises `RedisError`, and `ValueError` for a record that others spoilt.
    """

    def __init__(self, client: redis.asyncio.Redis, host: str, worker: str) -> None:
        self._worker = worker
        self._host = host
        self._scripts = {step: client.register_script(text(step)) for step in ExchangeStep}

    async def begin(self, org_id: str, *, mended: bool) -> Turn:
        """`mended`: the credential is another than that which was refused."""
        limits = (round(1e6 * TURN_SECONDS), round(1e6 * LONGEST_PAUSE))
        return _decode(await self._step(ExchangeStep.BEGIN, org_id, *limits, int(mended)))

    async def end(self, org_id: str, ended: Ended, unshared: int) -> None:
        """`unshared`: exchanges made without a turn, to be counted."""
        await self._step(
            ExchangeStep.END,
            org_id,
            ended.kind,
            round(1e6 * ended.pause),
            ended.failures,
            ended.tag,
            ended.message,
            unshared,
        )

    async def _step(self, step: ExchangeStep, org_id: str, *args: str | int) -> Any:
        return await self._scripts[step](keys=[keys.exchange(self._host, org_id)], args=[self._worker, *args])
