"""What workers tell the rate budget of an organization, and what its scripts reply."""

from dataclasses import dataclass
from typing import Final

import msgspec

from worker.core.rate.learned import VERSION, Evidence, Learned
from worker.core.rate.rate_config import RateConfig
from worker.core.rate.slots import RESERVATION_SECONDS

_learned: Final = msgspec.json.Decoder(Learned, strict=False)


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
    """Requests per second from now on."""
    learned: str
    """The learner's state, as `pack_learned` writes it."""
    next_decision_in: float
    """Seconds until the next decision is due."""
    new_epoch: bool
    """Whether a 429 led to it: slots that were reserved before are void."""
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
    """Seconds until the first slot."""
    gap: float
    """Seconds between two slots."""
    again: float
    """Seconds after which to ask again, where there was no slot."""
    held: float
    """Seconds left of a hold; 0 without one."""
    epoch: int
    """Grows with each 429 that is acted on."""
    rate: float
    """Requests per second, over all workers."""
    version: int
    """Number of the evidence, which a decision on it has to name."""
    strikes: int
    """429s in a row, as in `Learned`."""
    order: tuple[int, ...] = ()
    """For each slot the index of the demand that it is for; empty where there was no slot."""
    decision_request: DecisionRequest | None = None
    """Where a decision is due, which this worker is to make."""


class ThrottleDecisionRequest(msgspec.Struct, frozen=True):
    learned: str
    evidence: Evidence


class ThrottleReply(msgspec.Struct, frozen=True):
    held: float
    """Seconds left of the hold in force."""
    version: int
    """Number of the evidence, as in `ReserveReply`."""
    decision_request: ThrottleDecisionRequest | None = None
    """Where the 429 is the first of its epoch: this worker decides."""


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


def pack_learned(learned: Learned) -> str:
    return msgspec.json.encode(learned).decode()


def unpack_learned(blob: str) -> Learned | None:
    """None if nothing was learned, or by a version whose state means something else: learning starts anew."""
    try:
        learned = _learned.decode(blob) if blob else None
    except msgspec.DecodeError:
        return None
    return learned if learned is None or learned.version == VERSION else None
