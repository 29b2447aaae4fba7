"""Hours of sending in a moment: workers, the shared budget and a limiter, on a clock of their own.

    python -m tests.core.rate.simulation         prints what each kind of limiter costs
    python -m tests.core.rate.simulation low     the same for limits of a few requests per second

The budget is a model of `worker/store/scripts/budget/reserve.lua`: reservations of a tenth of a second, one
after another and not far ahead, void after a refusal, slower at first after a hold. What is decided is the
real thing: `worker.core.rate`.
"""

import heapq
import math
import random
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from statistics import mean
from typing import Final

from rich.console import Console
from rich.table import Table

from tests.limits.limiters import FixedWindow, Limiter, Penalty, SlidingLog, TokenBucket
from worker.core.backoff import hold_for
from worker.core.rate.learned import Evidence
from worker.core.rate.learning import begin, next_decision_in, on_success, on_throttle
from worker.core.rate.rate_config import RateConfig
from worker.core.rate.slots import slots_per_reservation

HORIZON: Final = 0.15
ASK_APART: Final = 0.075
RAMP_FROM: Final = 0.2
RAMP_MOST: Final = 0.5

RetryAfter = Callable[[float], float | None]
"""What a 429 says, by the seconds until a request may pass."""


def silent(_wait: float) -> float | None:
    return None


def whole_seconds(wait: float) -> float | None:
    return float(max(1, math.ceil(wait)))


@dataclass
class Outcome:
    seconds: float = 0.0
    passed: int = 0
    throttled: int = 0
    in_holds: int = 0
    """Requests sent while a hold that was known to all was in force."""
    cuts: int = 0
    """Refusals that were decided on."""
    passed_at: list[float] = field(default_factory=list)

    @property
    def throttled_share(self) -> float:
        return self.throttled / max(1, self.passed + self.throttled)

    def rate_between(self, start: float, end: float) -> float:
        return sum(start <= at < end for at in self.passed_at) / (end - start)


class _Worker:
    """Counts what passed by the era it was sent in, until it tells it with the next round trip."""

    def __init__(self) -> None:
        self._passed: Counter[int] = Counter()

    def passed(self, epoch: int) -> None:
        self._passed[epoch] += 1

    def told(self, epoch: int) -> tuple[int, int]:
        """What passed of `epoch` and of the one before since the last time, which is forgotten."""
        told, self._passed = self._passed, Counter()
        return told[epoch], told[epoch - 1]


class Simulation:
    def __init__(
        self,
        limiter: Limiter,
        rate_config: RateConfig,
        *,
        workers: int = 1,
        latency: float = 0.05,
        retry_after: RetryAfter = silent,
        changes: Sequence[tuple[float, Callable[[], None]]] = (),
        seed: int = 1,
    ) -> None:
        self._limiter = limiter
        self._workers = workers
        self._latency = latency
        self._retry_after = retry_after
        self._changes = list(changes)
        self._chance = random.Random(seed)
        self._count = 0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._now = 0.0
        self._learned = begin(rate_config)
        self._tat = self._hold = self._hold_length = self._from = 0.0
        self._due = next_decision_in(self._learned, latency)
        self._epoch = self._passed = self._refused = self._late = 0
        self._done = Outcome()

    def run(self, *, seconds: float = math.inf, batches: float = math.inf) -> Outcome:
        for number in range(self._workers):
            self._at(number * ASK_APART / self._workers, partial(self._ask, _Worker()))
        for when, change in self._changes:
            self._at(when, change)
        while self._done.passed < batches:
            self._now, _, act = heapq.heappop(self._events)
            if self._now > seconds:
                break
            act()
        self._done.seconds = min(self._now, seconds)
        return self._done

    def _at(self, when: float, act: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (when, self._count, act))

    def _ask(self, worker: _Worker) -> None:
        """One worker tells what it heard, asks for a run, and comes again when it is used up."""
        self._hear(worker)
        self._reserve(worker)
        if self._now >= self._due:
            # Who decides has its run by then.
            self._look()

    def _hear(self, worker: _Worker) -> None:
        passed, late = worker.told(self._epoch)
        self._passed += passed
        self._late += late

    def _reserve(self, worker: _Worker) -> None:
        again = partial(self._ask, worker)
        gap = 1 / self._learned.rate
        first = max(self._now, self._tat, self._hold)
        ramp = min(RAMP_MOST, self._hold_length / 2)
        if first < self._hold + ramp:
            gap /= RAMP_FROM + (1 - RAMP_FROM) * (first - self._hold) / ramp
        if first > self._now + HORIZON:
            wait = min(0.5, max(0.02, first - self._now - HORIZON))
            self._at(self._now + max(ASK_APART, wait * (1 + 0.2 * self._chance.random())), again)
            return
        slots = slots_per_reservation(1 / gap)
        self._tat = first + slots * gap
        epoch = self._epoch
        for position in range(slots):
            self._at(first + position * gap, lambda: self._send(worker, epoch))
        self._at(max(self._now + ASK_APART, self._tat - 0.06), again)

    def _send(self, worker: _Worker, epoch: int) -> None:
        if epoch != self._epoch:
            return
        if self._now < self._hold - 1e-9:
            self._done.in_holds += 1
        wait = self._limiter.admit(self._now)
        self._at(self._now + self._latency, lambda: self._answered(worker, epoch, wait))

    def _answered(self, worker: _Worker, epoch: int, wait: float) -> None:
        if not wait:
            self._done.passed += 1
            self._done.passed_at.append(self._now)
            worker.passed(epoch)
            return
        self._done.throttled += 1
        self._refused += 1
        self._hear(worker)
        asked = self._retry_after(wait)
        if epoch == self._epoch:
            self._cut(asked)
        elif asked is not None:
            self._hold = max(self._hold, self._now + asked)

    def _cut(self, asked: float | None) -> None:
        hold = hold_for(asked, self._learned.strikes, self._chance.random())
        self._learned = on_throttle(self._learned, self._evidence(), hold)
        self._hold, self._hold_length = self._now + hold, hold
        self._tat = max(self._tat, self._hold)
        self._from = self._hold
        self._due = self._hold + next_decision_in(self._learned, self._latency)
        self._epoch += 1
        self._late = 0
        self._done.cuts += 1

    def _look(self) -> None:
        self._learned = on_success(self._learned, self._evidence())
        self._due = self._now + next_decision_in(self._learned, self._latency)

    def _evidence(self) -> Evidence:
        evidence = Evidence(
            max(0.0, self._now - self._from), self._passed, self._refused, self._latency, self._late
        )
        self._from, self._passed, self._refused = self._now, 0, 0
        return evidence


AUTO: Final = RateConfig(None, 10.0, 1000.0)
KINDS: Final[dict[str, Callable[[], Limiter]]] = {
    "token bucket, burst 1": lambda: TokenBucket(50, 1),
    "token bucket, burst 10": lambda: TokenBucket(50, 10),
    "token bucket, burst 100": lambda: TokenBucket(50, 100),
    "50 in any second": lambda: SlidingLog(50, 1),
    "500 in any 10 s": lambda: SlidingLog(50, 10),
    "3,000 in any minute": lambda: SlidingLog(50, 60),
    "3,000 in each minute": lambda: FixedWindow(50, 60),
    "5 s of penalty": lambda: Penalty(50, 10, 5, extends=False),
    "5 s, anew at each call": lambda: Penalty(50, 10, 5, extends=True),
}
"""Each allows 50 requests per second."""


def steps(seed: int = 1, workers: int = 1) -> Outcome:
    """200/s for 20 s, 20/s for 15 s, 200/s for 36 s: 11,500 requests are allowed."""
    bucket = TokenBucket(200, 20)
    changes = [(20.0, lambda: setattr(bucket, "rate", 20.0)), (35.0, lambda: setattr(bucket, "rate", 200.0))]
    made = Simulation(bucket, AUTO, latency=0.02, changes=changes, seed=seed, workers=workers)
    return made.run(seconds=71)


def unknown(burst: int, seed: int = 1, retry_after: RetryAfter = silent, workers: int = 1) -> Outcome:
    """1,500 batches at a limit of 50/s, which would take 30 s."""
    made = Simulation(TokenBucket(50, burst), AUTO, seed=seed, retry_after=retry_after, workers=workers)
    return made.run(batches=1500)


def penalty(seed: int, *, extends: bool, seconds: float = 600.0) -> float:
    """The share used of a limit of 20 to 100/s, another for each seed, that punishes with 5 s of silence."""
    limit = 20 * 5 ** random.Random(seed).random()
    made = Simulation(Penalty(limit, 10, 5, extends=extends), AUTO, seed=seed)
    return made.run(seconds=seconds).passed / limit / seconds


LOW_LIMITS: Final = (0.5, 0.7, 1.0, 2.0, 3.0, 5.0)
STARTS: Final = (1.0, 10.0, 100.0)


def low_limit(
    about: float, burst: int, start: float, seed: int, retry_after: RetryAfter
) -> tuple[Simulation, float]:
    """At a limit within a tenth of `about`, another for each seed: no round number is what fits."""
    limit = about * (0.9 + 0.2 * random.Random(seed).random())
    rate_config = RateConfig(None, start, 1000.0)
    return Simulation(TokenBucket(limit, burst), rate_config, retry_after=retry_after, seed=seed), limit


def low(about: float, burst: int, start: float, seed: int, retry_after: RetryAfter) -> float:
    """How many times the ideal 60 requests take, which is (60 - burst) / limit seconds. At most 20."""
    made, limit = low_limit(about, burst, start, seed, retry_after)
    ideal = (60 - burst) / limit
    return made.run(seconds=20 * ideal, batches=60).seconds / ideal


def main_low(seeds: int = 20, hour: float = 3600.0) -> None:
    title = (
        f"{seeds} seeds: times the ideal of 60 requests, mean and worst; least share of the limit in an hour"
    )
    table = Table("burst", "start", "Retry-After", *(f"{about:g}/s" for about in LOW_LIMITS), title=title)
    for burst, start, says in product((1, 10), STARTS, (silent, whole_seconds)):
        cells = []
        for about in LOW_LIMITS:
            took = [low(about, burst, start, seed, says) for seed in range(seeds)]
            shares = []
            for seed in range(seeds):
                made, limit = low_limit(about, burst, start, seed, says)
                shares.append(made.run(seconds=hour).passed / limit / hour)
            cells.append(f"{mean(took):.2f} {max(took):.2f} {min(shares):.0%}")
        table.add_row(str(burst), f"{start:g}", says.__name__, *cells)
    Console().print(table)


def main() -> None:
    table = Table("limiter", "Retry-After", "share of the limit", "429s")
    for name, kind in KINDS.items():
        for says in (silent, whole_seconds):
            done = Simulation(kind(), AUTO, retry_after=says).run(seconds=3600)
            share = done.passed / 50 / 3600
            table.add_row(name, says.__name__, f"{share:.1%}", f"{done.throttled_share:.2%}")
    for burst in (1, 10, 50):
        for says in (silent, whole_seconds):
            done = unknown(burst, retry_after=says)
            name = f"unknown 50/s, burst {burst}, 1,500 batches"
            table.add_row(name, says.__name__, f"{30 / done.seconds:.1%}", f"{done.throttled_share:.2%}")
    done = steps()
    share, throttled = done.passed / 11_500, done.throttled_share
    table.add_row("200/s, 20/s, 200/s", "silent", f"{share:.1%}", f"{throttled:.2%}")
    Console().print(table)


if __name__ == "__main__":
    main_low() if sys.argv[1:] == ["low"] else main()
