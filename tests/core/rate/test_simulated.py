"""What the learning reaches on each kind of limiter. The bounds are what was seen, less a margin."""

from statistics import mean

import pytest

from tests.core.rate.simulation import (
    AUTO,
    KINDS,
    LOW_LIMITS,
    STARTS,
    RetryAfter,
    Simulation,
    low,
    low_limit,
    penalty,
    silent,
    steps,
    unknown,
    whole_seconds,
)
from tests.limits.limiters import TokenBucket
from worker.core.rate.rate_config import RateConfig

TEN_MINUTES = 600.0


@pytest.mark.parametrize("burst", [10, 50])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_unknown_rate_costs_a_tenth_at_most(burst: int, seed: int) -> None:
    done = unknown(burst, seed)
    assert done.seconds <= 1.10 * 30
    # With a burst of a whole second, more is under way when the limit is met.
    assert done.throttled_share <= (0.015 if burst == 10 else 0.035)


def test_a_limit_that_falls_to_a_tenth_and_comes_back_is_followed() -> None:
    done = [steps(seed) for seed in range(1, 6)]
    assert mean(one.passed for one in done) >= 0.90 * 11_500
    assert max(one.throttled_share for one in done) <= 0.03


@pytest.mark.parametrize(
    ("kind", "says", "share", "throttled"),
    [
        ("token bucket, burst 1", silent, 0.92, 0.02),
        ("token bucket, burst 1", whole_seconds, 0.85, 0.02),
        ("token bucket, burst 10", silent, 0.95, 0.02),
        ("token bucket, burst 10", whole_seconds, 0.80, 0.02),
        ("token bucket, burst 100", silent, 0.97, 0.02),
        ("50 in any second", silent, 0.90, 0.02),
        ("500 in any 10 s", silent, 0.90, 0.10),
        ("3,000 in any minute", silent, 0.85, 0.06),
        ("3,000 in each minute", silent, 0.93, 0.04),
        ("3,000 in each minute", whole_seconds, 0.93, 0.02),
        ("5 s of penalty", silent, 0.93, 0.02),
        ("5 s, anew at each call", silent, 0.92, 0.02),
    ],
    ids=lambda value: getattr(value, "__name__", None) or str(value),
)
def test_each_kind_of_limiter_is_used_nearly_to_the_full(
    kind: str, says: RetryAfter, share: float, throttled: float
) -> None:
    done = [
        Simulation(KINDS[kind](), AUTO, retry_after=says, seed=seed).run(seconds=TEN_MINUTES)
        for seed in (1, 2)
    ]
    assert mean(one.passed for one in done) / 50 / TEN_MINUTES >= share
    assert mean(one.throttled_share for one in done) <= throttled


@pytest.mark.parametrize(("extends", "share"), [(False, 0.87), (True, 0.85)])
def test_a_penalty_is_met_seldom_wherever_the_limit_lies(extends: bool, share: float) -> None:
    """On the steps of a climb and between them."""
    assert mean(penalty(seed, extends=extends) for seed in range(1, 9)) >= share


@pytest.mark.parametrize("says", [silent, whole_seconds])
@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize(("burst", "times"), [(1, 1.8), (10, 1.4)])
def test_a_low_limit_is_found_in_good_time(burst: int, times: float, start: float, says: RetryAfter) -> None:
    """60 requests, against the (60 - burst) / limit seconds that they take at best."""
    for about in LOW_LIMITS:
        took = [low(about, burst, start, seed, says) for seed in range(1, 11)]
        assert mean(took) <= times, about


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
        for about in (0.3, *LOW_LIMITS, 8.0):
            made, limit = low_limit(about, burst, start, seed, says)
            done = made.run(seconds=seconds)
            assert done.rate_between(300, seconds) >= 0.8 * limit, (about, seed)
            assert done.throttled_share <= 0.15, (about, seed)


@pytest.mark.parametrize("says", [silent, whole_seconds])
@pytest.mark.parametrize("limit", [0.5, 1.0, 3.0])
def test_a_limit_that_falls_to_a_few_a_second_is_found_again(limit: float, says: RetryAfter) -> None:
    bucket = TokenBucket(50, 1)
    changes = [(60.0, lambda: setattr(bucket, "rate", limit))]
    done = Simulation(bucket, AUTO, retry_after=says, changes=changes).run(seconds=360)
    assert done.rate_between(120, 360) >= 0.5 * limit


def test_a_tenfold_rise_is_used_within_about_ten_seconds() -> None:
    """After a minute of calm, in which climbs have become rare."""
    bucket = TokenBucket(20, 10)
    changes = [(60.0, lambda: setattr(bucket, "rate", 200.0))]
    done = Simulation(bucket, AUTO, changes=changes).run(seconds=80)
    assert done.rate_between(50, 60) <= 21
    assert done.rate_between(72, 80) >= 150


def test_fifty_workers_use_the_limit_as_well_as_one() -> None:
    one, fifty = (
        mean(
            Simulation(TokenBucket(50, 10), AUTO, workers=workers, seed=seed).run(seconds=100).passed
            for seed in range(1, 4)
        )
        for workers in (1, 50)
    )
    assert fifty == pytest.approx(one, rel=0.01)


@pytest.mark.parametrize("workers", [1, 50])
def test_no_worker_sends_during_a_hold_and_an_event_is_decided_on_once(workers: int) -> None:
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
    assert done.cuts == 1


@pytest.mark.parametrize("workers", [1, 4, 50])
def test_a_rate_set_by_hand_is_kept_exactly(workers: int) -> None:
    made = Simulation(TokenBucket(50 * 1.02, 10), RateConfig(50.0, 10, 100), workers=workers)
    done = made.run(seconds=60)
    assert done.throttled == 0
    assert 50 * 59.5 <= done.passed <= 50 * 60 + 1


class Stumbling(TokenBucket):
    """Refuses all that comes in a few milliseconds at `when`, as after a stall."""

    when = 5.0

    def admit(self, now: float) -> float:
        return 0.01 if self.when <= now < self.when + 0.004 else super().admit(now)


@pytest.mark.parametrize("when", [0.3, 5.0])
def test_a_stray_refusal_of_a_rate_set_by_hand_costs_little(when: float) -> None:
    limiter = Stumbling(1000 * 1.02, 10)
    limiter.when = when
    done = Simulation(limiter, RateConfig(1000.0, 10, 100), workers=4, latency=0.02).run(seconds=15)
    assert done.cuts == 1
    assert done.passed >= 0.975 * 15_000


@pytest.mark.parametrize(("rate", "limit", "share"), [(200.0, 60.0, 0.8), (1000.0, 20.0, 0.65)])
@pytest.mark.parametrize("burst", [1, 10])
def test_a_rate_set_far_too_high_by_hand_is_lowered_to_the_limit(
    rate: float, limit: float, burst: int, share: float
) -> None:
    made = Simulation(TokenBucket(limit, burst), RateConfig(rate, 10, 1000))
    assert made.run(seconds=60).passed >= share * limit * 60
