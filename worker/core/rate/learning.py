"""Finds the rate that the API allows, and stays just under it. Pure: clocks and chance are arguments.

The API publishes no limit, so it has to be met. Each 429 is met once, by all workers together, and three
things are learned from it:

* *The rate between two refusals.* At a refusal the limiter has nothing left to give. What it let through
  between two such moments, over the time between them, is therefore what it allows: exactly for a token
  bucket that never filled up meanwhile, a little less than that where it did (in a hold). The bounds are
  taken with and without the time held.
* *A bracket.* `low` was sent at for a while without a refusal, `high` was refused; see `bracket`.
* *Where to look for more.* From `low` it climbs now and then in steps that double, from 2 % to 41 %, so that
  a limit which has not moved costs a refusal or two, and one that rose tenfold is used after some seconds.
  The time between climbs grows with the age of what is known, up to `LONGEST_WAIT`, and with what the last
  refusal cost: a server that asks for a second of silence each time is asked less often.

The same is told of TCP's ways of finding its window (slow start, AIMD, CUBIC: RFC 5681, RFC 9438), whose
names do not fit here: nothing is retransmitted, and a limiter refuses at once instead of losing.

* *How long to keep away.* Holds grow where nothing passed since the last refusal, and only there: at a limit
  of one in two seconds little passes between two of them, and it is the rate that is too high.

Weakness: a limiter that has no burst at all, or asks for whole seconds of silence, costs up to a fifth of its
rate; `python -m tests.core.rate.simulation` shows what each kind of limiter costs.
"""

import math
from typing import Final

import msgspec

from worker.core.rate.bracket import DOUBLING, FIRST_CLIMB, hold_steady, narrow
from worker.core.rate.learned import Evidence, Learned, RatePhase
from worker.core.rate.rate_config import RateConfig
from worker.core.rate.refusal import (
    A_BURST,
    Bounds,
    on_repeated_throttle,
    on_throttle_climbing,
    on_throttle_steady,
    on_throttle_testing,
)
from worker.core.rate.slots import RESERVATION_SECONDS

LOOK: Final = 0.2
"""Seconds between two decisions, at least."""
BACK_UP: Final = 1.0
"""The largest step where the rate was twice as high not long ago: each doubles it."""
PRICE: Final = 40.0
"""Seconds of sending for each second of hold: refusals may cost 2.5 % of the time."""
PER_REFUSAL: Final = 100.0
"""Requests for each one refused: 429s may be 1 % of the requests."""
TRUST: Final = 15
"""Requests let through between two refusals before their rate means anything."""
USED: Final = 0.7
"""Share of the allowed rate under which the rate is not what limits: then no rate is tested by it."""
UNTOLD: Final = RESERVATION_SECONDS
"""Seconds before a refusal of which other workers have not told yet: they tell with each run."""
SLOW: Final = 8.0
"""Requests per second under which the first climb is slow for want of requests: it goes on after fewer."""
ENOUGH: Final = 3.0
"""Requests between two decisions, at least."""
ENOUGH_WHERE_SLOW: Final = 1.8
"""The same in a slow climb: a look that comes just before the third request does not wait for it."""
A_FEW: Final = 2
"""Refusals in a row that may be chance. More of them, with nothing let through, are none."""
FORGIVEN: Final = 4.0
"""Seconds without a refusal, after which the next may be chance again."""
FORGET: Final = 60.0
"""Seconds in which the memory of a higher rate fades to a third."""


def begin(rate_config: RateConfig) -> Learned:
    """As long as nothing is known: a rate set by hand is believed, an unknown one is climbed for."""
    if rate_config.first >= rate_config.ceiling:
        by_hand = rate_config.fixed_rate is not None
        return _at_ceiling(
            Learned(RatePhase.STEADY, rate_config.ceiling, rate_config.ceiling, by_hand=by_hand),
            rate_config.ceiling,
        )
    return Learned(RatePhase.CLIMB, rate_config.first, rate_config.ceiling, step=FIRST_CLIMB)


def next_decision_in(learned: Learned, latency: float) -> float:
    """Seconds until the next decision: late enough for the answers to tell of the last one."""
    waits = min(learned.wait, 1.0) if learned.rate < learned.ceiling else 1.0
    few = ENOUGH_WHERE_SLOW if _climbs_slowly(learned) else ENOUGH
    return max(LOOK, 2 * latency, few / learned.rate, waits if learned.phase is RatePhase.STEADY else 0.0)


def apply_config(learned: Learned, rate_config: RateConfig) -> Learned:
    """The same where the settings have changed since."""
    if rate_config.ceiling == learned.ceiling:
        return learned
    if (
        rate_config.fixed_rate is not None
        and rate_config.ceiling > learned.ceiling
        and learned.rate >= learned.ceiling
    ):
        # It was only the old setting that held it.
        return begin(rate_config)
    return msgspec.structs.replace(
        learned,
        ceiling=rate_config.ceiling,
        by_hand=rate_config.fixed_rate is not None,
        rate=min(learned.rate, rate_config.ceiling),
        low=min(learned.low, rate_config.ceiling),
    )


def on_success(learned: Learned, evidence: Evidence) -> Learned:
    """After a while without a refusal."""
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
    """After a 429, once for all requests that were under way; nobody sends for `hold` seconds."""
    seconds, passed = learned.seconds + evidence.seconds, learned.passed + evidence.passed
    age = learned.age + evidence.seconds
    trusted = passed >= TRUST
    if not passed and not evidence.late:
        return _still_blocked(learned, seconds, passed, age, hold)
    is_low = learned.peak <= max(learned.low, A_BURST)  # As far as anybody knows.
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
        passed / max(seconds - learned.held - UNTOLD, 1e-3),
        (learned.test_passed + evidence.passed) / max(tried, 1e-3),
        trusted,
        passed,
    )
    if not trusted and learned.strikes >= A_FEW and is_low:
        return on_repeated_throttle(known, bounds, blocked=learned.strikes > A_FEW)
    match learned.phase:
        case RatePhase.CLIMB:
            return on_throttle_climbing(known, bounds)
        case RatePhase.TEST:
            return on_throttle_testing(known, bounds)
        case _:
            return on_throttle_steady(known, bounds)


def _unused(learned: Learned, evidence: Evidence) -> Learned:
    """After a ramp, or a time with little to send: what passed counts, in no more time than it takes."""
    taken = min(evidence.seconds, evidence.passed / learned.rate)
    return msgspec.structs.replace(
        learned,
        seconds=learned.seconds + taken,
        passed=learned.passed + evidence.passed,
        age=learned.age + evidence.seconds,
        passed_above_low=_passed_above_low(learned, evidence),
    )


def _climbs_slowly(learned: Learned) -> bool:
    """Whether nothing was refused yet, at a rate so low that each step of the climb takes seconds."""
    return learned.phase is RatePhase.CLIMB and not learned.low and learned.rate < SLOW


def _strikes(so_far: int) -> int:
    """After a refusal since which something passed, if little: holds shrink again, but for the first two."""
    return so_far + 1 if so_far < A_FEW else max(A_FEW, so_far - 1)


def _begin_climb(learned: Learned) -> Learned:
    if learned.rate >= learned.ceiling:
        return learned
    rate = min(learned.ceiling, learned.low * (1 + learned.step))
    return msgspec.structs.replace(
        learned, phase=RatePhase.CLIMB, rate=rate, step=2 * learned.step, passed_above_low=0.0
    )


def _passed_above_low(learned: Learned, evidence: Evidence) -> float:
    """What passed in a climb beyond `low`, also while its last step was not in force everywhere."""
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
    """Nothing passed since the last refusal: it says how long to keep away, not how fast to go."""
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
