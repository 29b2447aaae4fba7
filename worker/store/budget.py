"""The rate budget that all workers of an organization share: reserve send times, hold, hand over evidence.

Asynchronous, for the worker's event loop. Decisions on the evidence are made in `worker.core.rate`.
"""

from typing import Any, Final

import msgspec
import redis.asyncio

from worker.core.answers.retry_after import LONGEST
from worker.store import keys
from worker.store.budget_protocol import (
    AnswerStats,
    RateDecision,
    ReserveReply,
    ReserveRequest,
    ThrottleReply,
)
from worker.store.script_calls import BudgetScript, source

HOLDS: Final = "bulk:holds"
"""The channel on which `throttle.lua` publishes each hold."""


def read_hold(message: bytes) -> tuple[str, float] | None:
    """The key of the held budget and the seconds left; None for a message that cannot be of a hold."""
    try:
        key, micros = message.decode().rsplit(" ", 1)
        seconds = float(micros) / 1e6
    except ValueError:
        return None
    return (key, seconds) if 0 <= seconds <= LONGEST else None


_encode: Final = msgspec.json.encode
_reserve_reply: Final = msgspec.json.Decoder(ReserveReply, strict=False)
_throttle_reply: Final = msgspec.json.Decoder(ThrottleReply, strict=False)


class BudgetStore:
    """One organization's budget, as the worker process `worker` sees it."""

    def __init__(self, client: redis.asyncio.Redis, host: str, org_id: str, worker: str) -> None:
        self._client = client
        self._worker = worker
        self._is_loaded = False
        self._keys = [keys.budget(host, org_id, part) for part in ("", "workers", "jobs")]
        self._scripts = {script: client.register_script(source(script)) for script in BudgetScript}

    @property
    def key(self) -> str:
        return self._keys[0]

    async def _call(self, script: BudgetScript, keys_: list[str], args: list[Any]) -> Any:
        return await self._scripts[script](keys=keys_, args=args)

    async def _load(self) -> None:
        """Loads the scripts into Redis: else the first hold would take three round trips."""
        async with self._client.pipeline(transaction=False) as pipe:
            for script in (BudgetScript.RESERVE, BudgetScript.THROTTLE, BudgetScript.ADOPT_RATE):
                pipe.script_load(self._scripts[script].script)
            await pipe.execute()
        self._is_loaded = True

    async def reserve(self, request: ReserveRequest) -> ReserveReply:
        if not self._is_loaded:
            await self._load()
        rate_config = request.rate_config
        document = {
            "rate_config": (rate_config.ceiling, rate_config.maximum, rate_config.start, rate_config.label),
            "demands": request.demands,
            "unused": request.unused,
            "stats": request.stats,
            "max_slots": request.max_slots,
            "seconds": request.seconds,
            "answer_delay": request.answer_delay,
            "decision": request.decision,
            "advice": request.advice,
        }
        return _reserve_reply.decode(
            await self._call(BudgetScript.RESERVE, self._keys, [self._worker, _encode(document)])
        )

    async def throttle(
        self, epoch: int, asked: float | None, hold: float, stats: AnswerStats
    ) -> ThrottleReply:
        """Reports a 429 to a request of `epoch`: all workers hold for the seconds `asked`.

        They hold for at least `hold` seconds if it is the epoch's first. `stats`: answers before it that were
        not reported yet.
        """
        args = [epoch, "" if asked is None else round(1e6 * asked), round(1e6 * hold), _encode(stats)]
        return _throttle_reply.decode(await self._call(BudgetScript.THROTTLE, self._keys[:1], args))

    async def adopt_rate(self, decision: RateDecision) -> None:
        await self._call(BudgetScript.ADOPT_RATE, self._keys[:1], [_encode(decision)])
