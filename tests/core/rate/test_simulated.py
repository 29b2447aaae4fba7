"""What has to hold whatever the learner's rules are. Limits are drawn by the seed, never round numbers."""

from itertools import product
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.rate.case import AUTO, about
from tests.core.rate.cases import CASES, GROUPS, LOW_LIMITS, STARTS
from tests.core.rate.more_limits import ByChance
from tests.core.rate.score import mean_of, score
from tests.core.rate.simulation import RetryAfter, Simulation, silent, whole_seconds
from tests.limits.limiters import TokenBucket
from worker.core.rate.rate_config import RateConfig

pytestmark = pytest.mark.lengthy

TEN_MINUTES = 600.0
BOUNDS = {
    "token bucket, burst 1 to 200": (88, 2.0),
    "fixed windows": (100, 3.5),
    "sliding log": (98, 3.5),
    "no burst, late by chance": (64, 1.3),
    "requests in flight": (69, 2.0),
    "penalties of 1 to 30 s": (62, 3.0),
    "shared with others, 0 to 60 %": (87, 1.8),
    "0.5 to 1,000/s, from 1, 10, 100": (87, 5.0),
    "limits that change": (86, 1.2),
    "429s by chance": (49, 2.0),
    "4, 20, 50 workers": (87, 3.0),
    "a rate set by hand": (86, 2.5),
}
"""Of each group, the least share of the limit and the most 429s, in %. The first minute weighs much here."""


@pytest.mark.parametrize("group", GROUPS)
def test_each_kind_of_limit_is_used_as_well_as_the_table_says(group: str) -> None:
    """One limit of each kind, for a tenth of the time; the bounds are what was seen, less a margin."""
    share, throttled = BOUNDS[group]
    found = mean_of([score(case, [1], shorter=0.1) for case in CASES if case.group == group])
    assert found.share >= share / 100
    assert found.throttled <= throttled / 100


@pytest.mark.parametrize("says", [silent, whole_seconds])
@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("burst", [1, 2, 10])
def test_no_low_limit_locks_the_learning_up(
    request: pytest.FixtureRequest, burst: int, start: float, says: RetryAfter
) -> None:
    """Ten minutes; with `--hours 20` an hour with each of twenty seeds."""
    hours = request.config.getoption("--hours")
    seconds = 3600 if hours else TEN_MINUTES
    for seed in range(1, max(hours, 1) + 1):
        for base in (0.3, *LOW_LIMITS, 8.0):
            limit = about(seed, base)
            config = RateConfig(None, start, 1000.0)
            made = Simulation(TokenBucket(limit, burst), config, retry_after=says, seed=seed)
            done = made.run(seconds=seconds)
            assert done.rate_between(seconds / 2, seconds) >= 0.8 * limit, (limit, seed)
            assert done.throttled_share <= 0.15, (limit, seed)


@given(
    limit=st.floats(-0.5, 2.3).map(lambda power: 10**power),
    burst=st.integers(1, 200),
    start=st.sampled_from([1.0, 10.0, 100.0]),
    by_hand=st.booleans(),
    says=st.sampled_from([silent, whole_seconds]),
    seed=st.integers(1, 1000),
)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_no_limit_locks_the_learning_up(
    limit: float, burst: int, start: float, by_hand: bool, says: RetryAfter, seed: int
) -> None:
    """Half of the limit at least, of 0.3 to 200/s, learned or set by hand at twenty times as much."""
    config = RateConfig(20 * limit if by_hand else None, start, 1000.0)
    seconds = max(60.0, 120 / limit)
    done = Simulation(TokenBucket(limit, burst), config, retry_after=says, seed=seed).run(seconds=2 * seconds)
    assert done.rate_between(seconds, 2 * seconds) >= 0.5 * limit


def test_429s_and_holds_cost_little_once_a_limit_is_known() -> None:
    """At most 2 % of the requests, and 5 % of the time."""
    for seed, (burst, says) in product(
        (1, 2), ((1, silent), (10, silent), (10, whole_seconds), (50, silent))
    ):
        made = Simulation(TokenBucket(about(seed), burst), AUTO, retry_after=says, seed=seed)
        done = made.run(seconds=300)
        held = sum(seconds for at, seconds in done.holds if at >= 60)
        assert held <= 0.05 * 240, (burst, says, seed)
        assert done.throttled_share <= 0.02, (burst, says, seed)


@pytest.mark.parametrize("says", [silent, whole_seconds])
@pytest.mark.parametrize("base", [0.5, 1.0, 3.0])
def test_a_limit_that_falls_to_a_few_a_second_is_found_again(base: float, says: RetryAfter) -> None:
    bucket, limit = TokenBucket(about(1), 1), about(2, base)
    changes = [(60.0, lambda: setattr(bucket, "rate", limit))]
    done = Simulation(bucket, AUTO, retry_after=says, changes=changes).run(seconds=360)
    assert done.rate_between(120, 360) >= 0.5 * limit


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_tenfold_rise_is_used_within_about_ten_seconds(seed: int) -> None:
    """After a minute of calm, in which climbs have become rare."""
    limit = about(seed, 20)
    bucket = TokenBucket(limit, 10)
    changes = [(60.0, lambda: setattr(bucket, "rate", 10 * limit))]
    done = Simulation(bucket, AUTO, changes=changes, seed=seed).run(seconds=80)
    assert done.rate_between(50, 60) <= 1.1 * limit
    assert done.rate_between(74, 80) >= 7 * limit


def test_fifty_workers_use_the_limit_as_well_as_one() -> None:
    one, fifty = (
        mean(
            Simulation(TokenBucket(about(seed), 10), AUTO, workers=workers, seed=seed).run(seconds=100).passed
            for seed in range(1, 4)
        )
        for workers in (1, 50)
    )
    assert fifty == pytest.approx(one, rel=0.03)


@pytest.mark.parametrize("workers", [1, 50])
def test_no_worker_sends_in_a_hold_and_an_event_is_decided_on_once(workers: int) -> None:
    """However many were in flight when the limit fell to a tenth."""
    bucket = TokenBucket(500, 50)
    changes = [(10.0, lambda: setattr(bucket, "rate", 50.0))]
    made = Simulation(
        bucket,
        RateConfig(500.0, 10, 10),
        workers=workers,
        latency=0.2,
        retry_after=lambda _: 2.0,
        changes=changes,
    )
    done = made.run(seconds=12.0)
    assert done.in_holds == 0
    assert done.throttled > 20
    assert done.decisions == 1


@pytest.mark.parametrize("spread", [0.0, 0.9])
def test_answers_out_of_order_cost_nothing(spread: float) -> None:
    """Answers take 0.02 to 0.38 s, and come back in another order than that of their requests."""
    made = Simulation(TokenBucket(about(1), 10), AUTO, latency=0.2, spread=spread)
    assert made.run(seconds=120).passed >= 0.93 * about(1) * 120


@pytest.mark.parametrize("workers", [1, 4, 50])
def test_a_rate_set_by_hand_is_kept_exactly(workers: int) -> None:
    made = Simulation(TokenBucket(50 * 1.02, 10), RateConfig(50.0, 10, 100), workers=workers)
    done = made.run(seconds=60)
    assert done.throttled == 0
    assert 50 * 59.5 <= done.passed <= 50 * 60 + 1


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_one_429_by_chance_in_a_thousand_costs_a_twentieth_at_most(seed: int) -> None:
    limiter = ByChance(TokenBucket(about(seed), 10), 0.001, seed)
    done = Simulation(limiter, AUTO, seed=seed).run(seconds=TEN_MINUTES)
    assert done.passed >= 0.93 * about(seed) * TEN_MINUTES
