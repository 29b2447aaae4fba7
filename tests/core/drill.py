"""A worker process in simulated time: many batches, senders, the breaker, and an API that a test writes."""

import heapq
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from tests.core.made import all_well
from worker.core.answers.verdict import Faulty, Intercepted, Unreached, Verdict
from worker.core.batches.batch import MAX_BATCH, Batch, Settlement
from worker.core.batches.packing import Pool, may_be_packed
from worker.core.batches.split import FREE_PROBES, Parts
from worker.core.outcome import BY_CODE, FINAL, Outcome
from worker.core.reason import Reason
from worker.core.retrying.action import Halt, Hold, Renew, Retry, Split
from worker.core.retrying.blame import needs_scout
from worker.core.retrying.breaker import Breaker, BreakerState
from worker.core.retrying.judgement import judge, resume
from worker.core.retrying.policy import Policy, needs_split
from worker.core.retrying.refusals import Refusals

LATENCY = 0.05
LOOK_UP = 0.5
MAX_REQUESTS = 20_000
BAD = Reason("HTTP_503", "later", 503)

Api = Callable[[Batch, float], Verdict]


@dataclass
class Drill:
    """Sends `batches` to `api` until none is left, the job halts, or `until` seconds are over."""

    api: Api
    senders: int = 8
    policy: Policy = field(default_factory=Policy)
    now: float = 0.0
    requests: list[tuple[float, int]] = field(default_factory=list)
    """When each went out, and how many ids it held."""
    probes: int = 0
    charged: int = 0
    codes: dict[int, str] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)
    halted: Halt | None = None

    def __post_init__(self) -> None:
        self.breaker = Breaker()
        self.refusals = Refusals()
        self.chance = random.Random(7)
        self._numbers = count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._ready: list[tuple[Parts, str]] = []
        self._free = self.senders
        self._pool = Pool()
        self._under_way = 0

    def run(self, batches: list[Batch], until: float = 86_400.0) -> "Drill":
        for batch in batches:
            self._put(Parts([batch]), "")
        self._start()
        while self._events and self.halted is None and self._events[0][0] <= until:
            self.now, _, event = heapq.heappop(self._events)
            event()
            self._start()
            if not self._under_way:
                for batch in self._pool.rest():
                    self._put(Parts([batch]), "retried")
                self._start()
        return self

    def outcomes(self) -> str:
        return "".join(self.codes[index] for index in sorted(self.codes))

    def is_over(self) -> bool:
        return not self._under_way

    def _after(self, seconds: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now + seconds, next(self._numbers), event))

    def _put(self, parts: Parts, repeat: str) -> None:
        self._under_way += 1
        self._ready.append((parts, repeat))

    def _start(self) -> None:
        while self._free and self._ready:
            self._free -= 1
            self._go_on(*self._ready.pop(0))

    def _go_on(self, parts: Parts, repeat: str) -> None:
        part = parts.take()
        if part is None:
            self._free += 1
            self._under_way -= 1
            return
        if needs_scout(self.breaker, part):
            part = parts.take_scout(part)
        self._enter(parts, part, repeat)

    def _enter(self, parts: Parts, part: Batch, repeat: str) -> None:
        if not self.breaker.admits(self.now):
            self._after(LOOK_UP, lambda: self._enter(parts, part, repeat))
            return
        breaker_probe = self.breaker.state is not BreakerState.CLOSED
        self.requests.append((self.now, len(part.ids)))
        assert len(self.requests) < MAX_REQUESTS, "it goes on and on"
        verdict = self.api(part, self.now)
        self._after(
            LATENCY, lambda: self._answered(parts, part, repeat, verdict, breaker_probe=breaker_probe)
        )

    def _answered(
        self, parts: Parts, part: Batch, repeat: str, verdict: Verdict, *, breaker_probe: bool
    ) -> None:
        assert all(BY_CODE[self.codes.get(index, ".")] not in FINAL for index in part.indices)
        step, charged, may_be_outage = judge(
            self.policy,
            self.breaker,
            self.refusals,
            verdict,
            part,
            self.now,
            self.chance.random(),
            breaker_probe=breaker_probe,
        )
        self.charged += charged
        self.probes += repeat == "probes" and not may_be_outage
        if isinstance(step, Halt):
            self.halted = step
            return
        if isinstance(step, Hold | Renew):
            self._enter(parts, step.batch, repeat)
            return
        if step.settlement is not None:
            parts.record(step.settlement)
            self._record(step.settlement)
        if isinstance(step, Retry):
            self._later(step)
        elif isinstance(step, Split):
            parts.split(step.batch, step.reason)
        if parts.has_split_probes() and self.probes >= FREE_PROBES + self.outcomes().count("A"):
            for settlement in parts.give_up_probes():
                self._record(settlement)
        self._go_on(parts, "probes" if parts.has_split_probes() else "retried")

    def _later(self, step: Retry) -> None:
        self._under_way += 1
        self._after(step.delay, lambda: self._again(step))

    def _again(self, step: Retry) -> None:
        self._under_way -= 1
        exhausted, left, charged = resume(self.policy, self.breaker, step.batch, step.fault)
        self.charged += charged
        if exhausted is not None:
            self._record(exhausted)
        if left is None:
            return
        if not may_be_packed(left):
            parts = Parts([left])
            if step.fault is not None and needs_split(left):
                parts = Parts([])
                parts.split(left, step.fault)
            self._put(parts, "probes" if parts.has_split_probes() else "retried")
            return
        self._pool.add(left)
        for full in self._pool.full():
            self._put(Parts([full]), "retried")

    def _record(self, settlement: Settlement) -> None:
        for index, code in zip(settlement.batch.indices, settlement.codes, strict=True):
            assert BY_CODE[self.codes.get(index, ".")] not in FINAL, "settled twice"
            self.codes[index] = code
        for position, reason in settlement.reasons:
            if BY_CODE[settlement.codes[position]] in {Outcome.UNKNOWN, Outcome.FAILED}:
                self.reasons[reason.name] += 1


def batches_of(size: int) -> list[Batch]:
    """Of ids that are named by their place."""
    starts = range(0, size, MAX_BATCH)
    return [
        Batch(
            tuple(str(at) for at in range(first, last)),
            tuple(range(first, last)),
            (False,) * (last - first),
            (0,) * (last - first),
        )
        for first in starts
        for last in [min(first + MAX_BATCH, size)]
    ]


def up(batch: Batch) -> Verdict:
    return all_well(len(batch.ids))


def spoiled(culprits: set[int], verdict: Verdict = Faulty(BAD)) -> Api:  # noqa: B008 -- it is frozen.
    return lambda batch, _now: verdict if culprits & set(batch.indices) else up(batch)


def away(api: Api, down: Callable[[float], bool], verdict: Verdict) -> Api:
    """`api`, and in its place `verdict` while it is `down`."""
    return lambda batch, now: verdict if down(now) else api(batch, now)


AWAY: tuple[Verdict, ...] = (
    Faulty(BAD),
    Faulty(BAD, asked=30.0),
    Faulty(Reason("UNREADABLE_ANSWER", "no JSON", 200)),
    Faulty(Reason("TIMED_OUT", "no answer in time", 0)),
    Faulty(Reason("BAD_ANSWER", "no HTTP", 0)),
    Intercepted(Reason("NOT_THE_API", "text", 403)),
    Unreached(Reason("NO_CONNECTION", "refused", 0)),
)
