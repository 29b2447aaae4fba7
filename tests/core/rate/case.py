"""One limit that the learner is judged by."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.core.rate.budget_model import Learner
from tests.core.rate.more_limits import Shared
from tests.core.rate.simulation import Admits, Outcome, Simulation
from worker.core.rate import learning
from worker.core.rate.rate_config import RateConfig

AUTO: Final = RateConfig(None, 10.0, 1000.0)
SHORT: Final = 120.0
"""Seconds of a case that is never simulated for less."""

BySeed = Callable[[int], float]
MakeLimiter = Callable[[int], Admits]
Rates = Sequence[tuple[float, float]]
"""When a limit becomes which: seconds, and requests per second."""


def about(seed: int, base: float = 50.0) -> float:
    """A limit between 0.75 and 1.35 times `base`, which moves by the golden ratio from seed to seed."""
    return base * (0.75 + 0.6 * (seed * 0.6180339887 % 1))


def around(base: float) -> BySeed:
    return lambda seed: about(seed, base)


def always(value: float) -> BySeed:
    return lambda _seed: value


@dataclass(frozen=True, eq=False)
class Case:
    group: str
    name: str
    limiter: MakeLimiter
    """By the seed."""
    rate: BySeed = about
    """The limit, by the seed, where `rates` changes nothing."""
    rates: Rates = ()
    config: RateConfig = AUTO
    seconds: float = 600.0
    batches: float = math.inf
    """Where it ends with so many requests let through, it is judged by how long they took."""
    options: dict[str, Any] = field(default_factory=dict)

    def run(self, seed: int, *, learner: Learner = learning, shorter: float = 1.0) -> tuple[float, Outcome]:
        """The share of the limit that was used. `shorter`: the share of `seconds` that is simulated, where
        the limit does not change.
        """
        limiter = self.limiter(seed)
        seconds = self.seconds if self.rates or self.seconds <= SHORT else shorter * self.seconds
        changes = [(when, _changing(limiter, rate)) for when, rate in self.rates]
        made = Simulation(limiter, self.config, learner=learner, seed=seed, changes=changes, **self.options)
        done = made.run(seconds=math.inf if self.batches < math.inf else seconds, batches=self.batches)
        ideal = self._allowed(self.rate(seed), done.seconds)
        if isinstance(limiter, Shared):
            ideal -= limiter.taken
        return done.passed / ideal, done

    def _allowed(self, rate: float, seconds: float) -> float:
        allowed = since = 0.0
        for when, following in self.rates:
            allowed, since, rate = allowed + rate * (when - since), when, following
        return allowed + rate * (seconds - since)


def _changing(limiter: Any, rate: float) -> Callable[[], None]:
    return lambda: setattr(limiter, "rate", rate)
