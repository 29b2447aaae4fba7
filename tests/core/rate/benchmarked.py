"""The cases of `tests.benchmarks.pacing`, simulated: `python -m tests.core.rate.benchmarked`

To be held against what real workers reach there: a rule that is tried in the simulation has to work for
them. Prints the share of the limit as the benchmark counts it, and the share of 429s.
"""

from collections.abc import Callable, Iterator
from functools import partial
from statistics import mean
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from tests.benchmarks.options import BURST, STEPS
from tests.core.rate.simulation import RetryAfter, Simulation, silent, whole_seconds
from tests.limits.limiters import Limiter, Penalty, TokenBucket
from worker.core.rate.rate_config import RateConfig

SEEDS: Final = 20
LATENCY: Final = 0.02
SPREAD: Final = 0.05
"""A server on the same machine answers in nearly the same time."""
AUTO: Final = RateConfig(None, 10.0, 1000.0)

Found = tuple[float, float]
"""The share of the limit, and of 429s."""


def _simulation(limiter: Limiter, seed: int, config: RateConfig = AUTO, **options: Any) -> Simulation:
    options = {"workers": 2, "latency": LATENCY, "spread": SPREAD, **options}
    return Simulation(limiter, config, seed=seed, **options)


def steps(says: RetryAfter, seed: int) -> Found:
    bucket = TokenBucket(STEPS.rate_at(0), BURST)
    changes = [(at, partial(setattr, bucket, "rate", STEPS.rate_at(at))) for at in (20.0, 35.0)]
    done = _simulation(bucket, seed, changes=changes, retry_after=says).run(seconds=STEPS.seconds)
    return done.passed / STEPS.allowed(STEPS.seconds), done.throttled_share


def batches(limiter: Limiter, burst: float, count: int, seed: int, **options: Any) -> Found:
    done = _simulation(limiter, seed, **options).run(batches=count)
    return count / (burst + limiter.rate * done.seconds), done.throttled_share


def _two_seconds(_wait: float) -> float | None:
    return 2.0


def unknown(burst: int, says: RetryAfter, seed: int) -> Found:
    return batches(TokenBucket(50, burst), burst, 1500, seed, retry_after=says)


def penalty(extends: bool, seed: int) -> Found:
    limiter, config = Penalty(50, BURST, 2, extends=extends), RateConfig(None, 80.0, 200.0)
    return batches(limiter, BURST, 1500, seed, config=config, retry_after=_two_seconds)


def low(limit: float, burst: int, seed: int) -> Found:
    return batches(TokenBucket(limit, burst), burst, 60, seed, workers=1, retry_after=whole_seconds)


def cases() -> Iterator[tuple[str, Callable[[int], Found]]]:
    says: RetryAfter
    for says, name in ((silent, "none"), (whole_seconds, "ceil")):
        yield f"steps, {name}", partial(steps, says)
        for burst in (10, 50):
            yield f"unknown, burst {burst}, {name}", partial(unknown, burst, says)
    yield "penalty", partial(penalty, False)
    yield "penalty, a call extends it", partial(penalty, True)
    for burst in (1, 10):
        for limit in (0.7, 2.0, 5.0):
            yield f"low, {limit:g}/s, burst {burst}, from 10", partial(low, limit, burst)


def main() -> None:
    table = Table("case", "share in %", "from", "to", "429s in %")
    for name, run in cases():
        found = [run(seed) for seed in range(1, SEEDS + 1)]
        shares = [100 * share for share, _ in found]
        figures = (mean(shares), min(shares), max(shares), 100 * mean(throttled for _, throttled in found))
        table.add_row(name, *(f"{figure:.1f}" for figure in figures))
    Console().print(table)


if __name__ == "__main__":
    main()
