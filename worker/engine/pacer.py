"""Gives this process's requests their send times, out of the budget that all workers share."""

import asyncio
import math
import random
from bisect import insort
from collections import deque
from collections.abc import Callable
from contextvars import Context
from operator import attrgetter
from typing import Final, NamedTuple

import structlog

from worker.core.backoff import hold_for
from worker.core.rate.advice import Quota
from worker.core.rate.learned import Evidence, Learned
from worker.core.rate.learning import apply_config, begin, next_decision_in, on_success, on_throttle
from worker.core.rate.rate_config import RateConfig
from worker.core.rate.round_trip import RoundTrip
from worker.core.rate.slots import ReservedSlots, Slot, usable_slots
from worker.core.rate.store_clock import StoreClock
from worker.engine.patience import Patience
from worker.engine.places import Places
from worker.store.budget import (
    AnswerStats,
    BudgetStore,
    DecisionRequest,
    Demand,
    RateDecision,
    ReserveReply,
    ReserveRequest,
    pack_learned,
    unpack_learned,
)

_ASK_APART: Final = 0.075
"""Seconds between two round trips for slots, at least: 13 a second at most."""

_MANY: Final = 32
"""Slots that were used since the last round trip, with which another is worth its price at once."""

_LOOK_UP: Final = 0.5
"""Seconds: how often those who wait are asked whether it still has a purpose."""

_FIRST_FEW: Final = 4
"""Requests that a process has in flight until its first answer came, and one more for each answer. A name has
to be looked up, connections are made and code is run for the first time: all that is sent meanwhile would
arrive as one burst."""

_OPENING: Final = 0.5
"""Seconds after which it waits for answers no longer: the API is slow, or its way is open."""

_SAME_HOLD: Final = 0.05
"""Seconds, of a round trip: by so much two looks at one hold may differ in when it ends. Slots reserved at
its very end are good all the same."""

log = structlog.get_logger(__name__)


class _Waiter(NamedTuple):
    given: "asyncio.Future[Slot | None]"
    wanted: Callable[[], bool]
    turn: int
    """In the order in which they came."""


class Pacer:
    """One per organization and process. Callers of one job are served in the order they came.

    `demands` tells what each job will come with in this process; `on_hold` is told the seconds of each hold.
    Slots that nobody uses in time, for want of a place or of work, go back to the budget with the next round
    trip.
    """

    def __init__(
        self,
        store: BudgetStore,
        rate_config: RateConfig,
        places: Places,
        patience: Patience,
        demands: Callable[[], list[Demand]],
        on_hold: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        self._store = store
        self._terms = rate_config
        self._places = places
        self._patiently = patience
        self._demands = demands
        self._on_hold = on_hold
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[str, deque[_Waiter]] = {}
        self._slots = ReservedSlots()
        self._store_clock = StoreClock()
        self.round_trip = RoundTrip()
        self._is_far = False
        self._heard = AnswerStats()
        self._advice: tuple[float, float] | None = None
        self._decided: RateDecision | None = None
        self._asking: asyncio.Task[None] | None = None
        self._handing_in: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ask_at = 0.0
        self._asked_at = 0.0
        self._used = 0
        self._look_at = 0.0
        self._held_from = 0.0
        self._held_until = 0.0
        self._strikes = 0
        self._striking = 0
        """429s of the present era that the store is being told of."""
        self._open_at = math.inf
        self._answers = 0
        self._turns = 0
        self.rate = rate_config.first
        """Requests per second, over all workers, as last heard."""

    def held_between(self, start: float, end: float) -> float:
        """Seconds of the time from `start` to `end`, on the loop's clock, that lay in the last hold."""
        return max(0.0, min(end, self._held_until) - max(start, self._held_from))

    async def slot(self, job: str, wanted: Callable[[], bool]) -> Slot | None:
        """Waits for a send time of `job`, and a place with it, which the caller has to leave.

        None where `wanted` no longer holds; then nothing may be sent, and no place is taken.
        """
        self._turns += 1
        waiter = _Waiter(self._loop.create_future(), wanted, self._turns)
        is_first = not self._waiting
        self._waiting.setdefault(job, deque()).append(waiter)
        if is_first:
            # Where others wait it is known when to look next.
            self._tick()
        while (slot := await self._given(waiter)) and self._slots.is_stale(slot, self._loop.time()):
            # The loop was busy with other things since.
            self.give_up()
            waiter = waiter._replace(given=self._loop.create_future())
            insort(self._waiting.setdefault(job, deque()), waiter, key=attrgetter("turn"))
            self._tick()
        return slot

    async def _given(self, waiter: _Waiter) -> Slot | None:
        try:
            slot = await waiter.given
        except asyncio.CancelledError:
            if waiter.given.done() and not waiter.given.cancelled() and waiter.given.result() is not None:
                self.give_up()
            raise
        if slot is not None and not waiter.wanted():
            self.give_up()
            return None
        return slot

    def poke(self) -> None:
        """A place became free, or somebody waits."""
        if self._waiting:
            self._tick()

    def give_up(self) -> None:
        """A slot that was handed out serves nobody: it goes back to the budget, and its place is left."""
        self._slots.unused += 1
        self._places.leave()
        self.poke()

    def passed(self, slot: Slot, latency: float) -> None:
        """The request sent in `slot` was answered by something else than a 429."""
        self._places.answered(latency)
        self._answers += 1
        if slot.epoch == self._heard.epoch:
            self._heard.passed += 1
            self._heard.latency_us += round(1e6 * latency)
        elif slot.epoch == self._heard.epoch - 1:
            self._heard.late += 1

    def hear_of_hold(self, left: float) -> None:
        """Nobody sends for `left` seconds from when the store told of it."""
        self._hold(left - self.round_trip.smoothed / 2)

    def _hold(self, left: float) -> None:
        """The same from now on."""
        self._note_hold(left)
        if self._slots.end < self._loop.time() + left - _SAME_HOLD:
            self._slots.void()

    def advise(self, quota: Quota) -> None:
        """The API told of its quota; it goes to all workers with the next round trip."""
        if (rate := quota.rate) is not None:
            self._advice = (rate, quota.reset)

    async def throttled(self, slot: Slot, asked: float | None) -> float:
        """A 429: nobody sends for this organization for a while. Returns the seconds."""
        hold = hold_for(asked, self._strikes, random.random())
        heard = self._take_heard()
        is_new = slot.epoch == self._heard.epoch
        if is_new:
            # Not only once the store knows, which may be far. What is on its way from there is void too.
            self._slots.void()
        self._striking += is_new
        try:
            told = await self._patiently(lambda: self._store.throttle(slot.epoch, asked, hold, heard))
        finally:
            self._striking -= is_new
        self._note_hold(told.held - self.round_trip.smoothed / 2)
        self._slots.void()
        if told.decision_request is not None:
            known = unpack_learned(told.decision_request.learned) or begin(self._terms)
            learned = on_throttle(known, told.decision_request.evidence, told.held)
            log.info("held by a 429", seconds=round(told.held, 3), rate=round(learned.rate, 2), was=self.rate)
            decided = _decided(told.version, learned, told.decision_request.evidence, new_epoch=True)
            await self._patiently(lambda: self._store.adopt_rate(decided))
        return told.held

    async def close(self) -> None:
        """To be called when nobody waits."""
        if self._timer is not None:
            self._timer.cancel()
        running = [task for task in (self._asking, self._handing_in) if task is not None]
        await asyncio.gather(*running, return_exceptions=True)

    def _tick(self) -> None:
        """Hands out what is due, asks for more where it runs low, and comes again when there is a reason."""
        now = self._loop.time()
        is_open = now >= self._open_at
        if now >= self._look_at:
            self._look_at = now + _LOOK_UP
            self._let_go_of_the_purposeless()
        while (
            self._is_free(is_open)
            and (slot := self._slots.due(now, at_first=not is_open))
            and (waiter := self._next(slot.job))
        ):
            self._places.take()
            self._open_at = min(self._open_at, now + _OPENING)
            waiter.given.set_result(self._slots.take())
            self._used += 1
        if not self._waiting:
            return
        wakes = [self._look_at]
        # Without a free place nothing comes of a slot: whoever leaves one comes here.
        if self._is_free(is_open) and (coming := self._slots.next_after(now)) is not None:
            wakes.append(coming)
        elif not is_open:
            wakes.append(self._open_at)
        if self._asking is None:
            runs_low = max(self._ask_at, self._slots.end - self.round_trip.ask_ahead)
            if self._used >= _MANY and not self._slots:
                runs_low = now
            if now >= runs_low:
                self._asking = self._loop.create_task(self._ask(), context=Context())
            else:
                wakes.append(runs_low)
        self._come_back(min(wakes))

    def _is_free(self, is_open: bool) -> bool:
        """Whether one more may be in flight. `is_open`: it waits no longer for its first answers."""
        return self._places.free and (is_open or self._places.taken < _FIRST_FEW + self._answers)

    def _come_back(self, when: float) -> None:
        """A look too many is harmless, and cheaper than a new timer at each."""
        if self._timer is not None:
            if self._timer.when() <= when:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._tick()

    def _next(self, its_job: str) -> _Waiter | None:
        """Who gets the slot that is due: its job, or whoever waits if that has nothing to send now."""
        for job in (its_job, *self._waiting):
            queue = self._waiting.get(job)
            while queue:
                waiter = queue.popleft()
                if not queue:
                    del self._waiting[job]
                if waiter.given.done():
                    continue
                if waiter.wanted():
                    return waiter
                waiter.given.set_result(None)
        return None

    def _let_go_of_the_purposeless(self) -> None:
        for job, queue in list(self._waiting.items()):
            for waiter in queue:
                if not waiter.given.done() and not waiter.wanted():
                    waiter.given.set_result(None)
            kept = deque(waiter for waiter in queue if not waiter.given.done())
            if kept:
                self._waiting[job] = kept
            else:
                del self._waiting[job]

    async def _ask(self) -> None:
        try:
            await self._reserve()
        except Exception as error:  # noqa: BLE001 -- it is raised by those who wait.
            self._fail(error)
        finally:
            self._asking = None
        self.poke()

    async def _reserve(self) -> None:
        demands = [demand for demand in map(self._still_wanted, self._demands()) if demand.slots > 0]
        begun, trip = self._loop.time(), self.round_trip
        run, back = trip.reservation_seconds, trip.answer_delay
        most = usable_slots(self._used, begun - self._asked_at, run)
        unused, decided, advice = self._slots.unused, self._decided, self._advice
        ask = ReserveRequest(
            self._terms, demands, unused, self._take_heard(), decided, advice, most, run, back
        )
        self._slots.unused, self._decided, self._advice = 0, None, None
        self._asked_at, self._used = begun, 0
        asked_at, told = await self._patiently(lambda: self._timed(ask))
        now = self._loop.time()
        answered = self._store_clock.moment(told.at_us / 1e6, asked_at, now)
        decided = self._take_note(told, now - answered)
        jobs = [demands[position].job for position in told.order]
        first = answered + told.first
        if not self._striking and (told.held > 0 or first >= self._held_until - _SAME_HOLD):
            # Else they were reserved before a hold that was heard of meanwhile.
            self._slots.add(first, told.gap, jobs, told.epoch, at_least=run / most)
        apart = 0.0 if told.order else told.again * (1 + 0.2 * random.random())
        # Counted from the question: the next is on its way as long as this one was.
        self._ask_at = max(now, asked_at + max(apart, _ASK_APART))
        if decided is None or decided.rate == told.rate:
            self._decided = decided
        else:
            # At once: a climb takes many steps, and each would wait for the next round trip.
            self._handing_in = self._loop.create_task(self._hand_in(decided), context=Context())

    async def _timed(self, ask: ReserveRequest) -> tuple[float, ReserveReply]:
        """What was told, and when it was asked for: a question that had to be put again is no measure."""
        asked_at = self._loop.time()
        told = await self._store.reserve(ask)
        self.round_trip.record(self._loop.time() - asked_at)
        if self.round_trip.is_far and not self._is_far:
            self._is_far = True
            log.warning(
                "Redis is far away: each round trip holds up commits and what is learned of the rate;"
                " run the workers near it",
                round_trip_ms=round(1000 * self.round_trip.distance),
            )
        return asked_at, told

    async def _hand_in(self, decided: RateDecision) -> None:
        try:
            await self._patiently(lambda: self._store.adopt_rate(decided))
        except Exception as error:  # noqa: BLE001 -- it is raised by those who wait.
            self._fail(error)

    def _take_heard(self) -> AnswerStats:
        """What is to be told now, and is counted anew from here on."""
        heard, self._heard = self._heard, AnswerStats(self._heard.epoch)
        return heard

    def _still_wanted(self, demand: Demand) -> Demand:
        """With those who wait for a slot by now, and without the slots in hand."""
        slots = demand.slots + len(self._waiting.get(demand.job, ())) - self._slots.of(demand.job)
        return Demand(demand.job, demand.weight, slots)

    def _take_note(self, told: ReserveReply, ago: float) -> RateDecision | None:
        """What was decided, if it was for this process to decide. It was told `ago` seconds ago."""
        self.rate = told.rate
        self._strikes = told.strikes
        if told.epoch != self._heard.epoch:
            self._slots.void()
            self._heard = AnswerStats(told.epoch)
        if told.held > 0:
            self._hold(told.held - ago)
        return None if told.decision_request is None else _decide(told.decision_request, told.version)

    def _note_hold(self, left: float) -> None:
        now = self._loop.time()
        if self._held_until <= now:
            self._held_from = now
        self._held_until = max(self._held_until, now + left)
        self._on_hold(left)

    def _fail(self, error: Exception) -> None:
        waiting, self._waiting = self._waiting, {}
        for queue in waiting.values():
            for waiter in queue:
                if not waiter.given.done():
                    waiter.given.set_exception(error)


def _decide(due: DecisionRequest, version: int) -> RateDecision:
    known = unpack_learned(due.learned)
    learned = (
        begin(due.rate_config)
        if known is None
        else on_success(apply_config(known, due.rate_config), due.evidence)
    )
    return _decided(version, learned, due.evidence, new_epoch=False)


def _decided(version: int, learned: Learned, evidence: Evidence, *, new_epoch: bool) -> RateDecision:
    look = next_decision_in(learned, evidence.latency)
    return RateDecision(version, learned.rate, pack_learned(learned), look, new_epoch, learned.strikes)
