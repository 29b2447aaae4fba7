"""Finds the rate that the API allows, and stays just under it. Pure: clocks and chance are arguments.

The API publishes no limit, so that only 429s show it. Each is acted on once, for all workers together, and
three things are learned from it:

* *The rate between two 429s.* At a 429 the limiter has nothing left. The requests that it let pass between
  two such moments, over the time between them, are therefore what it allows: exactly so for a token bucket
  that never filled up meanwhile, a little less where it did (in a hold). The bounds are taken with and
  without the time held.
* *A bracket.* `low` was used for a while without a 429, `high` was throttled; see `bracket`.
* *When to climb.* From `low` the rate climbs now and then in steps that double, from 2 % to 41 %, so that a
  limit which has not changed costs a 429 or two, and one that rose tenfold is used after some seconds.
  The time between climbs grows with the age of what is known, up to `LONGEST_WAIT`, and with what the last
  refusal cost: a server that asks for a second of silence each time is asked less often.

TCP finds its window in similar ways (slow start, AIMD, CUBIC: RFC 5681, RFC 9438). Its names do not fit here:
nothing is retransmitted, and a limiter answers 429 at once instead of losing packets.

* *How long to hold.* Holds grow where nothing passed since the last 429, and only there: at a limit of one
  request in two seconds little passes between two 429s, and it is the rate that is too high.

Weakness: a limiter that has no burst at all, or asks for whole seconds of silence, costs up to a fifth of its
rate; `python -m tests.core.rate.simulation` shows what each kind of limiter costs.
"""

import math
from typing import Final

import msgspec

from worker.core.rate.bracket import DOUBLING, FIRST_CLIMB, hold_steady, narrow
from worker.core.rate.learned import Evidence, Learned, RatePhase
from worker.core.rate.rate_config import RateConfig
from worker.core.rate.slots import RESERVATION_SECONDS
from worker.core.rate.throttle_decisions import (
    BURST,
    Bounds,
    on_repeated_throttle,
    on_throttle_climbing,
    on_throttle_steady,
    on_throttle_testing,
)

LOOK: Final = 0.2
"""Minimum seconds between two decisions."""
BACK_UP: Final = 1.0
"""Maximum increase per step, as a share of a rate that was twice as high not long ago: each doubles it."""
PRICE: Final = 40.0
"""Minimum seconds of sending per second of hold: 429s may cost 2.5 % of the time."""
PER_REFUSAL: Final = 100.0
"""Minimum requests per 429: at most 1 % of the requests may be throttled."""
TRUST: Final = 15
"""Requests that have to pass between two 429s for their rate to mean anything."""
USED: Final = 0.7
"""Share of the allowed rate that has to be used for the evidence to count: below it something else limits."""
REPORTING_LAG: Final = RESERVATION_SECONDS
"""Seconds before a 429 that other workers have not reported on yet: they report with each reservation."""
SLOW: Final = 8.0
"""Requests per second below which the first climb has few requests to go by, and goes on after fewer."""
ENOUGH: Final = 3.0
"""Minimum requests between two decisions."""
ENOUGH_WHERE_SLOW: Final = 1.8
"""The same in a slow climb: a decision that is due just before the third request does not wait for it."""
MAX_CHANCE_STRIKES: Final = 2
"""Maximum 429s in a row that may be chance. More of them, with nothing passed between, are not."""
FORGIVEN: Final = 4.0
"""Seconds without a 429 after which the next may be chance again."""
FORGET: Final = 60.0
"""Seconds in which the memory of a higher rate fades to about a third (1/e)."""


def begin(rate_config: RateConfig) -> Learned:
    """The state before anything is known: a fixed rate is used at once, another climbs from `start`."""
    if rate_config.first >= rate_config.ceiling:
        by_hand = rate_config.fixed_rate is not None
        return _at_ceiling(
            Learned(RatePhase.STEADY, rate_config.ceiling, rate_config.ceiling, by_hand=by_hand),
            rate_config.ceiling,
        )
    return Learned(RatePhase.CLIMB, rate_config.first, rate_config.ceiling, step=FIRST_CLIMB)


def next_decision_in(learned: Learned, latency: float) -> float:
    """Seconds until the next decision: late enough for answers to requests sent at the last rate."""
    waits = min(learned.wait, 1.0) if learned.rate < learned.ceiling else 1.0
    few = ENOUGH_WHERE_SLOW if _climbs_slowly(learned) else ENOUGH
    return max(LOOK, 2 * latency, few / learned.rate, waits if learned.phase is RatePhase.STEADY else 0.0)


def apply_config(learned: Learned, rate_config: RateConfig) -> Learned:
    """`learned` under `rate_config`, where the settings have changed since it was decided on."""
    if rate_config.ceiling == learned.ceiling:
        return learned
    if (
        rate_config.fixed_rate is not None
        and rate_config.ceiling > learned.ceiling
        and learned.rate >= learned.ceiling
    ):
        # Only the old setting kept the rate down.
        return begin(rate_config)
    return msgspec.structs.replace(
        learned,
        ceiling=rate_config.ceiling,
        by_hand=rate_config.fixed_rate is not None,
        rate=min(learned.rate, rate_config.ceiling),
        low=min(learned.low, rate_config.ceiling),
    )


def on_success(learned: Learned, evidence: Evidence) -> Learned:
    """The state after a while without a 429."""
    seconds, passed = evidence.seconds, evidence.passed
    # In a slow climb a slot or two of the step before are still to be used.
    used = USED / (1 + FIRST_CLIMB) if _climbs_slowly(learned) else USED
    if passed < used * learned.rate * seconds:
        return _unused(learned, evidence)
    so_far = learned.passed + passed
    known = msgspec.structs.replace(
        learned,
        seconds=learned.seconds + seconds,
        passed=so_far,
        wait=learned.wait - seconds,
        test_seconds=learned.test_seconds + seconds,
        test_passed=learned.test_passed + passed,
        age=learned.age + seconds,
        strikes=0 if so_far >= TRUST else learned.strikes,
        chance_throttles=0 if learned.seconds > FORGIVEN else learned.chance_throttles,
        peak=max(learned.peak * math.exp(-seconds / FORGET), learned.rate),
        passed_above_low=_passed_above_low(learned, evidence),
    )
    match known.phase:
        case RatePhase.CLIMB:
            return _climb(known)
        case RatePhase.TEST:
            return known if known.wait > 0 else narrow(known, low=known.rate, is_low_tested=True)
        case _:
            return known if known.wait > 0 else _begin_climb(known)


def on_throttle(learned: Learned, evidence: Evidence, hold: float) -> Learned:
    """The state after a 429, counted once for all requests that were in flight.

    `hold`: seconds for which nobody sends.
    """
    seconds, passed = learned.seconds + evidence.seconds, learned.passed + evidence.passed
    age = learned.age + evidence.seconds
    trusted = passed >= TRUST
    if not passed and not evidence.late:
        return _still_blocked(learned, seconds, passed, age, hold)
    is_low = learned.peak <= max(learned.low, BURST)  # As far as anybody knows.
    known = msgspec.structs.replace(
        learned,
        seconds=hold,
        passed=0.0,
        held=hold,
        held_before=learned.held,
        strikes=1 if trusted else _strikes(learned.strikes),
        age=age,
        price=max(PRICE * hold, PER_REFUSAL * evidence.throttled / learned.rate),
        passed_above_low=_passed_above_low(learned, evidence),
    )
    tried = learned.test_seconds + evidence.seconds - evidence.latency
    bounds = Bounds(
        max(passed, 1) / max(seconds, 1e-3),
        passed / max(seconds - learned.held - REPORTING_LAG, 1e-3),
        (learned.test_passed + evidence.passed) / max(tried, 1e-3),
        trusted,
        passed,
    )
    if not trusted and learned.strikes >= MAX_CHANCE_STRIKES and is_low:
        return on_repeated_throttle(known, bounds, blocked=learned.strikes > MAX_CHANCE_STRIKES)
    match learned.phase:
        case RatePhase.CLIMB:
            return on_throttle_climbing(known, bounds)
        case RatePhase.TEST:
            return on_throttle_testing(known, bounds)
        case _:
            return on_throttle_steady(known, bounds)


def _unused(learned: Learned, evidence: Evidence) -> Learned:
    """The state after a ramp, or a time with little to send: what passed counts as sent at the full rate."""
    taken = min(evidence.seconds, evidence.passed / learned.rate)
    return msgspec.structs.replace(
        learned,
        seconds=learned.seconds + taken,
        passed=learned.passed + evidence.passed,
        age=learned.age + evidence.seconds,
        passed_above_low=_passed_above_low(learned, evidence),
    )


def _climbs_slowly(learned: Learned) -> bool:
    """Whether there was no 429 yet, at a rate so low that each step of the climb takes seconds."""
    return learned.phase is RatePhase.CLIMB and not learned.low and learned.rate < SLOW


def _strikes(so_far: int) -> int:
    """Strikes after a 429 before which a little had passed: they fall again, but not below the first two."""
    return so_far + 1 if so_far < MAX_CHANCE_STRIKES else max(MAX_CHANCE_STRIKES, so_far - 1)


def _begin_climb(learned: Learned) -> Learned:
    if learned.rate >= learned.ceiling:
        return learned
    rate = min(learned.ceiling, learned.low * (1 + learned.step))
    return msgspec.structs.replace(
        learned, phase=RatePhase.CLIMB, rate=rate, step=2 * learned.step, passed_above_low=0.0
    )


def _passed_above_low(learned: Learned, evidence: Evidence) -> float:
    """Requests passed in this climb beyond `low`, also while its last step was not in force everywhere."""
    more = evidence.passed - learned.low * evidence.seconds
    return (
        learned.passed_above_low + max(0.0, more)
        if learned.phase is RatePhase.CLIMB
        else learned.passed_above_low
    )


def _climb(learned: Learned) -> Learned:
    if learned.rate >= learned.ceiling:
        return _at_ceiling(learned, learned.ceiling)
    known = DOUBLING if learned.low else FIRST_CLIMB
    most = BACK_UP if 2 * learned.rate < learned.peak else known
    return msgspec.structs.replace(
        learned,
        rate=min(learned.ceiling, learned.rate * (1 + learned.step)),
        step=min(most, 2 * learned.step),
    )


def _at_ceiling(learned: Learned, ceiling: float) -> Learned:
    return msgspec.structs.replace(
        learned,
        phase=RatePhase.STEADY,
        rate=ceiling,
        low=ceiling,
        high=ceiling,
        seconds=0.0,
        passed=0.0,
        held=0.0,
    )


def _still_blocked(learned: Learned, seconds: float, passed: float, age: float, hold: float) -> Learned:
    """Nothing passed since the last 429: this one says how long to hold, not how fast to send."""
    held = learned.held + hold
    known = msgspec.structs.replace(
        learned,
        seconds=seconds + hold,
        passed=passed,
        held=held,
        strikes=learned.strikes + 1,
        age=age,
        price=PRICE * held,
    )
    match known.phase:
        case RatePhase.CLIMB:
            return known
        case RatePhase.TEST:
            return narrow(known)
        case _:
            return hold_steady(known)
