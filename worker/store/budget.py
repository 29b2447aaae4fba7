"""The rate budget that all workers of an organization share: reserve send times, hold, hand over evidence.

Asynchronous, for the worker's event loop. Decisions on the evidence are made in `worker.core.rate`.
"""

from dataclasses import dataclass
from typing import Any, Final

import msgspec
import redis.asyncio

from worker.core.answers.retry_after import LONGEST
from worker.core.rate.learned import VERSION, Evidence, Learned
from worker.core.rate.rate_config import RateConfig
from worker.core.rate.slots import RESERVATION_SECONDS
from worker.store import keys
from worker.store.script_calls import BudgetScript, source


class Demand(msgspec.Struct, frozen=True, array_like=True):
    """The slots that a job can use."""

    job: str
    weight: float
    slots: int


class AnswerStats(msgspec.Struct, array_like=True):
    """Answers since the last report to the budget, to requests sent in epoch `epoch`."""

    epoch: int = 0
    passed: int = 0
    """Answers other than 429."""
    latency_us: int = 0
    """Sum of their latencies, in microseconds."""
    late: int = 0
    """Answers other than 429 to requests of the epoch before: something passed, if at another rate."""


class RateDecision(msgspec.Struct, frozen=True, array_like=True):
    """A decision on the evidence of `version`; without effect if another was made meanwhile."""

    version: int
    rate: float
    learned: str
    next_decision_in: float
    """Seconds until the next decision is due."""
    new_epoch: bool
    strikes: int


class DecisionRequest(msgspec.Struct, frozen=True):
    """The evidence for a decision that is due, handed to one worker."""

    learned: str
    ceiling: float
    start: float
    by_hand: bool
    evidence: Evidence

    @property
    def rate_config(self) -> RateConfig:
        return RateConfig(self.ceiling if self.by_hand else None, self.start, self.ceiling)


class ReserveReply(msgspec.Struct, frozen=True):
    """A reservation; times in seconds from the moment in which the store answered. See `reserve.lua`."""

    at_us: int
    """That moment on the store's clock, in microseconds."""
    first: float
    gap: float
    again: float
    held: float
    epoch: int
    rate: float
    version: int
    strikes: int
    order: tuple[int, ...] = ()
    decision_request: DecisionRequest | None = None


class ThrottleDecisionRequest(msgspec.Struct, frozen=True):
    learned: str
    evidence: Evidence


class ThrottleReply(msgspec.Struct, frozen=True):
    held: float
    version: int
    decision_request: ThrottleDecisionRequest | None = None


MAX_RESERVED_SLOTS: Final = 10_000
"""Slots of a reservation at the highest rate that can be set."""


@dataclass(frozen=True, slots=True)
class ReserveRequest:
    """A worker's report to the budget, and the slots that it asks for."""

    rate_config: RateConfig
    demands: list[Demand]
    unused: int
    stats: AnswerStats
    decision: RateDecision | None = None
    advice: tuple[float, float] | None = None
    """Requests per second that the API's headers advise, and for how many seconds."""
    max_slots: int = MAX_RESERVED_SLOTS
    """Slots that the worker can use in the time of the reservation."""
    seconds: float = RESERVATION_SECONDS
    """Seconds that the reservation has to last."""
    answer_delay: float = 0.0
    """Seconds until the answer arrives: slots before that are of no use."""


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
_learned: Final = msgspec.json.Decoder(Learned, strict=False)
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


def pack_learned(learned: Learned) -> str:
    return _encode(learned).decode()


def unpack_learned(blob: str) -> Learned | None:
    """None if nothing was learned, or by a version whose state means something else: learning starts anew."""
    try:
        learned = _learned.decode(blob) if blob else None
    except msgspec.DecodeError:
        return None
    return learned if learned is None or learned.version == VERSION else None
