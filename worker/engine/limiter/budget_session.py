"""What one process tells the shared rate budget of an organization, and what it hears of it."""

import asyncio
import random
from typing import Final, NamedTuple

import structlog

from worker.core.backoff import hold_for
from worker.core.rate.advice import Quota
from worker.core.rate.learned import Evidence, Learned
from worker.core.rate.learning import apply_config, begin, next_decision_in, on_success, on_throttle
from worker.core.rate.rate_config import RateConfig
from worker.core.rate.round_trip import RoundTrip
from worker.core.rate.slots import Slot
from worker.core.rate.store_clock import StoreClock
from worker.engine.redis_retry import RedisRetry
from worker.store.budget import BudgetStore
from worker.store.budget_protocol import (
    AnswerStats,
    DecisionRequest,
    Demand,
    RateDecision,
    ReserveReply,
    ReserveRequest,
    pack_learned,
    unpack_learned,
)

ASK_APART: Final = 0.075
"""Seconds between two round trips for slots, at least: 13 a second at most."""

log = structlog.get_logger(__name__)


class Reservation(NamedTuple):
    """Evenly spaced send times. All times are in seconds, on the clock of this process's loop."""

    first: float
    gap: float
    jobs: list[str]
    """Whose each slot is."""
    epoch: int
    held: float
    """Seconds that a hold still lasts; 0 without one."""
    next_at: float
    """The earliest time for the next round trip."""


class BudgetSession:
    """One per organization and process. Its calls wait for Redis, and raise what waiting does not mend."""

    def __init__(self, store: BudgetStore, rate_config: RateConfig, redis_retry: RedisRetry) -> None:
        """`rate_config` is this process's; `store` knows the one in force."""
        self._store = store
        self._rate_config = rate_config
        self._redis_retry = redis_retry
        self._now = asyncio.get_running_loop().time
        self._store_clock = StoreClock()
        self.round_trip = RoundTrip()
        self._is_far = False
        self._stats = AnswerStats()
        self._advice: tuple[float, float] | None = None
        self._decision: RateDecision | None = None
        self._strikes = 0
        self.rate = rate_config.first
        """Requests per second, over all workers, as last heard."""

    @property
    def epoch(self) -> int:
        """Moves with each 429 that was acted on, by any worker."""
        return self._stats.epoch

    def record_success(self, slot: Slot, latency: float) -> None:
        """The request sent in `slot` was answered by something else than a 429."""
        if slot.epoch == self._stats.epoch:
            self._stats.passed += 1
            self._stats.latency_us += round(1e6 * latency)
        elif slot.epoch == self._stats.epoch - 1:
            self._stats.late += 1

    def advise(self, quota: Quota) -> None:
        """The API told of its quota; it goes to all workers with the next round trip."""
        if (rate := quota.rate) is not None:
            self._advice = (rate, quota.reset)

    async def reserve(self, demands: list[Demand], unused: int, max_slots: int) -> Reservation:
        """The next slots. `unused`: slots given back; `max_slots`: how many of the next can be used."""
        trip = self.round_trip
        request = ReserveRequest(
            self._rate_config,
            demands,
            unused,
            self._take_stats(),
            self._decision,
            self._advice,
            max_slots,
            trip.reservation_seconds,
            trip.answer_delay,
        )
        self._decision, self._advice = None, None
        asked_at, reply = await self._redis_retry(lambda: self._timed(request))
        now = self._now()
        answered = self._store_clock.moment(reply.at_us / 1e6, asked_at, now)
        self.rate, self._strikes = reply.rate, reply.strikes
        if reply.epoch != self._stats.epoch:
            self._stats = AnswerStats(reply.epoch)
        if reply.decision_request is not None:
            self._decision = _decide(reply.decision_request, reply.version)
        pause = 0.0 if reply.order else reply.again * (1 + 0.2 * random.random())
        return Reservation(
            answered + reply.first,
            reply.gap,
            [demands[position].job for position in reply.order],
            reply.epoch,
            reply.held - (now - answered) if reply.held > 0 else 0.0,
            # Counted from the question: the next is on its way as long as this one was.
            max(now, asked_at + max(pause, ASK_APART)),
        )

    async def hand_in(self) -> None:
        """Sends a decision that changes the rate at once: a climb takes many steps, and each would wait for
        the next round trip. One that changes nothing goes with that.
        """
        if (decision := self._decision) is not None and decision.rate != self.rate:
            self._decision = None
            await self.adopt(decision)

    async def adopt(self, decision: RateDecision) -> None:
        await self._redis_retry(lambda: self._store.adopt_rate(decision))

    async def throttled(self, slot: Slot, asked: float | None) -> tuple[float, RateDecision | None]:
        """Tells of a 429 to the request in `slot`, which asked for `asked` seconds of silence.

        Returns the seconds that the hold lasts since the store told of it, and what is to be adopted, where
        it is for this process to decide.
        """
        hold = hold_for(asked, self._strikes, random.random())
        stats = self._take_stats()
        reply = await self._redis_retry(lambda: self._store.throttle(slot.epoch, asked, hold, stats))
        if (request := reply.decision_request) is None:
            return reply.held, None
        known = unpack_learned(request.learned) or begin(self._rate_config)
        learned = on_throttle(known, request.evidence, reply.held)
        log.info("held by a 429", seconds=round(reply.held, 3), rate=round(learned.rate, 2), was=self.rate)
        return reply.held, _decision(reply.version, learned, request.evidence, new_epoch=True)

    async def _timed(self, request: ReserveRequest) -> tuple[float, ReserveReply]:
        """When it was asked, and the answer: a question that had to be put again is no measure."""
        asked_at = self._now()
        reply = await self._store.reserve(request)
        self.round_trip.record(self._now() - asked_at)
        if self.round_trip.is_far and not self._is_far:
            self._is_far = True
            log.warning(
                "Redis is far away: each round trip holds up commits and what is learned of the rate;"
                " run the workers near it",
                round_trip_ms=round(1000 * self.round_trip.distance),
            )
        return asked_at, reply

    def _take_stats(self) -> AnswerStats:
        """What is to be told now, and is counted anew from here on."""
        stats, self._stats = self._stats, AnswerStats(self._stats.epoch)
        return stats


def _decide(request: DecisionRequest, version: int) -> RateDecision:
    known, config = unpack_learned(request.learned), request.rate_config
    learned = begin(config) if known is None else on_success(apply_config(known, config), request.evidence)
    return _decision(version, learned, request.evidence, new_epoch=False)


def _decision(version: int, learned: Learned, evidence: Evidence, *, new_epoch: bool) -> RateDecision:
    seconds = next_decision_in(learned, evidence.latency)
    return RateDecision(version, learned.rate, pack_learned(learned), seconds, new_epoch, learned.strikes)
