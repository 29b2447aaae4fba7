"""Hours of sending in a moment: workers, the shared budget and a limiter, on a clock of their own.

Workers reserve slots, send in them, report answers and decide as `worker/engine/limiter` does; the budget is
a model (`budget_model`), and what is decided is the real thing, `worker.core.rate`, or another learner to be
compared with it. `cases` holds what is simulated, and `score` prints it.

Each request reaches the limiter a little late, and is answered after a time that varies by `spread`. Both
times are drawn by the seed.
"""

import heapq
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, Final, Protocol

from tests.core.rate.budget_model import BudgetModel, Learner
from worker.core.backoff import hold_for
from worker.core.rate import learning
from worker.core.rate.rate_config import RateConfig
from worker.core.rate.round_trip import MIN_AHEAD

ASK_APART: Final = 0.075
SAME_HOLD: Final = 0.05
"""As in `budget_session` and `rate_limiter`."""
REFUSED_WHILE_BUSY: Final = 0.02
"""Maximum seconds until a limit of requests in flight answers 429."""

RetryAfter = Callable[[float], float | None]
"""What a 429 says, by the seconds until a request may pass."""


def silent(_wait: float) -> float | None:
    return None


def whole_seconds(wait: float) -> float | None:
    return float(max(1, math.ceil(wait - 1e-9)))


class Admits(Protocol):
    def admit(self, now: float) -> float: ...


@dataclass
class Outcome:
    seconds: float = 0.0
    passed: int = 0
    throttled: int = 0
    in_holds: int = 0
    """Requests sent while a hold that their worker knew of was in force."""
    decisions: int = 0
    """429s that were decided on."""
    passed_at: list[float] = field(default_factory=list)
    rates: list[tuple[float, Any, bool]] = field(default_factory=list)
    """Each decision: when it was adopted, the learner's state, and whether a 429 led to it."""
    holds: list[tuple[float, float]] = field(default_factory=list)
    """When each 429 that was decided on began a hold, and for how many seconds."""

    @property
    def throttled_share(self) -> float:
        return self.throttled / max(1, self.passed + self.throttled)

    def rate_between(self, start: float, end: float) -> float:
        return sum(start <= at < end for at in self.passed_at) / (end - start)


class _Worker:
    def __init__(self) -> None:
        self.epoch = 0
        self.strikes = 0
        self.run = 0
        """Number of the slots in hand; those of another number are void."""
        self.end = -math.inf
        """The last slot in hand."""
        self.held_until = 0.0
        self.asks_at = 0.0
        self.may_ask_at = 0.0
        self.decision: tuple[int, Any] | None = None
        """One that changes nothing, which waits for the next round trip."""
        self._answers: list[tuple[float, int]] = []
        self.answer = self._answers.append

    def void(self) -> None:
        self.run += 1
        self.end = -math.inf

    def report(self, now: float) -> tuple[int, int]:
        """Good answers up to `now` since the last report, to requests of this epoch and of the one before."""
        passed = late = 0
        left = []
        for answer in self._answers:
            if answer[0] > now:
                left.append(answer)
            elif answer[1] == self.epoch:
                passed += 1
            elif answer[1] == self.epoch - 1:
                late += 1
        self._answers = left
        self.answer = left.append
        return passed, late


class Simulation:
    def __init__(
        self,
        limiter: Admits,
        rate_config: RateConfig,
        *,
        learner: Learner = learning,
        workers: int = 1,
        latency: float = 0.05,
        retry_after: RetryAfter = silent,
        changes: Sequence[tuple[float, Callable[[], None]]] = (),
        seed: int = 1,
        jitter: float = 0.0005,
        spread: float = 0.3,
        round_trip: float = 0.002,
    ) -> None:
        """`latency`, `jitter` (its mean) and `round_trip`, to Redis, are in seconds."""
        self._limiter = limiter
        self._learner = learner
        self._retry_after = retry_after
        self._chance = random.Random(seed)
        self._latencies = cycle([latency * self._chance.uniform(1 - spread, 1 + spread) for _ in range(1009)])
        self._late = cycle([self._chance.expovariate(1 / jitter) if jitter else 0.0 for _ in range(997)])
        self._trip = round_trip
        self._releases: Callable[[], None] | None = getattr(limiter, "release", None)
        self._budget = BudgetModel(learner, rate_config, latency)
        self._workers = [_Worker() for _ in range(workers)]
        self._count = 0
        self._events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._done = Outcome()
        for number, worker in enumerate(self._workers):
            self._ask_at(worker, number * ASK_APART / workers)
        for when, change in changes:
            self._at(when, lambda _now, change: change(), change)

    def run(self, *, seconds: float = math.inf, batches: float = math.inf) -> Outcome:
        """Ends after `seconds`, or when `batches` were let through."""
        done, events, now = self._done, self._events, 0.0
        while done.passed < batches:
            now, _, act, given = heapq.heappop(events)
            if now > seconds:
                break
            act(now, *given)
        done.seconds = min(now, seconds)
        done.decisions = self._budget.decisions
        return done

    def _at(self, when: float, act: Callable[..., None], *given: Any) -> None:
        self._count += 1
        heapq.heappush(self._events, (when, self._count, act, given))

    def _ask_at(self, worker: _Worker, when: float) -> None:
        worker.asks_at = when
        self._at(when, self._ask, worker)

    def _ask(self, now: float, worker: _Worker) -> None:
        """Reports answers and reserves slots. `now` is when the store does it."""
        if now != worker.asks_at:
            return
        if worker.decision is not None:
            self._adopt(now, *worker.decision, new_epoch=False)
            worker.decision = None
        found = self._budget.reserve(now, worker.epoch, *worker.report(now))
        if found.epoch != worker.epoch:
            worker.void()
            worker.epoch = found.epoch
        worker.strikes = found.strikes
        pause = 0.0 if found.slots else found.again * (1 + 0.2 * self._chance.random())
        worker.may_ask_at = now + max(pause, ASK_APART)
        send, run, late, epoch, first, gap = (
            self._send,
            worker.run,
            self._late,
            found.epoch,
            found.first,
            found.gap,
        )
        for position in range(found.slots):
            self._at(first + position * gap + next(late), send, worker, run, epoch)
        if found.slots:
            worker.end = first + (found.slots - 1) * gap
        self._ask_at(worker, max(worker.may_ask_at, worker.end - MIN_AHEAD))
        if found.decision is not None:
            learned = self._learner.on_success(self._budget.learned, found.decision)
            if learned.rate == self._budget.learned.rate:
                worker.decision = (found.version, learned)
            else:
                self._at(now + self._trip, self._adopt, found.version, learned, False)

    def _send(self, now: float, worker: _Worker, run: int, epoch: int) -> None:
        if run != worker.run:
            return
        done = self._done
        if now < worker.held_until - SAME_HOLD:
            done.in_holds += 1
        wait = self._limiter.admit(now)
        answered = now + next(self._latencies)
        if wait:
            if self._releases:
                answered = min(answered, now + REFUSED_WHILE_BUSY)
            self._at(answered + self._trip / 2, self._throttle, worker, epoch, self._retry_after(wait))
            done.throttled += 1
            return
        done.passed += 1
        done.passed_at.append(now)
        worker.answer((answered, epoch))
        if self._releases:
            self._at(answered, lambda _now, release: release(), self._releases)

    def _throttle(self, now: float, worker: _Worker, epoch: int, asked: float | None) -> None:
        """A 429 reaches the store: all hold, and the first one of its epoch is decided on by its worker."""
        budget = self._budget
        before, own = budget.hold, hold_for(asked, worker.strikes, self._chance.random())
        evidence, held = budget.throttle(now, epoch, asked, own, *worker.report(now))
        if budget.hold > before:
            for other in self._workers:
                if other is not worker:
                    self._at(now + self._trip / 2, self._hear_of_hold, other, budget.hold)
        worker.held_until = max(worker.held_until, now + held)
        worker.void()
        if evidence is None:
            self._ask_at(worker, max(worker.may_ask_at, now + self._trip / 2))
            return
        learned = self._learner.on_throttle(budget.learned, evidence, held)
        self._done.holds.append((now, held))
        self._at(now + self._trip, self._adopt, budget.version, learned, True)
        self._ask_at(worker, max(worker.may_ask_at, now + 2 * self._trip))

    def _hear_of_hold(self, now: float, worker: _Worker, until: float) -> None:
        worker.held_until = max(worker.held_until, until)
        if worker.end < until - SAME_HOLD and worker.end > now:
            worker.void()
            self._ask_at(worker, max(worker.may_ask_at, now))

    def _adopt(self, now: float, version: int, learned: Any, new_epoch: bool) -> None:
        if version == self._budget.version:
            self._done.rates.append((now, learned, new_epoch))
        self._budget.adopt(now, version, learned, new_epoch=new_epoch)
