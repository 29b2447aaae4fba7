"""Finds the rate that the API allows, and stays just under it. Pure: clocks and chance are arguments.

README.md, beside this file, explains the rules, shows them at work, and says what each is worth.
"""

import math

from msgspec.structs import replace

from worker.core.rate import tuning
from worker.core.rate.bracket import has_fallen, narrow
from worker.core.rate.learned import Evidence, Learned, RatePhase
from worker.core.rate.rate_config import RateConfig
from worker.core.rate.throttle_decisions import on_throttle

__all__ = ("apply_config", "begin", "next_decision_in", "on_success", "on_throttle")


def begin(rate_config: RateConfig) -> Learned:
    """The state before anything is known: a fixed rate is used at once, another climbs from `start`."""
    if rate_config.first >= rate_config.ceiling:
        return _at_ceiling(Learned(RatePhase.STEADY, rate_config.ceiling, rate_config.ceiling))
    return Learned(RatePhase.CLIMB, rate_config.first, rate_config.ceiling)


def next_decision_in(learned: Learned, latency: float) -> float:
    """Seconds until the next decision: late enough for answers to requests sent at the last rate."""
    waits = min(learned.wait, 1.0) if learned.rate < learned.ceiling else 1.0
    few = tuning.ENOUGH_WHERE_SLOW if _climbs_slowly(learned) else tuning.ENOUGH
    return max(
        tuning.LOOK, 2 * latency, few / learned.rate, waits if learned.phase is RatePhase.STEADY else 0.0
    )


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
    return replace(
        learned,
        ceiling=rate_config.ceiling,
        rate=min(learned.rate, rate_config.ceiling),
        low=min(learned.low, rate_config.ceiling),
    )


def on_success(learned: Learned, evidence: Evidence) -> Learned:
    """The state after a while without a 429."""
    seconds, passed = evidence.seconds, evidence.passed
    # In a slow climb a slot or two of the step before are still to be used.
    used = tuning.USED / (1 + tuning.FIRST_CLIMB) if _climbs_slowly(learned) else tuning.USED
    if passed < used * learned.rate * seconds:
        return _unused(learned, evidence)
    so_far = learned.passed + passed
    known = replace(
        learned,
        seconds=learned.seconds + seconds,
        passed=so_far,
        wait=learned.wait - seconds,
        strikes=0 if so_far >= tuning.TRUST else learned.strikes,
        peak=max(learned.peak * math.exp(-seconds / tuning.FORGET), learned.rate),
    )
    match known.phase:
        case RatePhase.CLIMB:
            return _climb(known)
        case RatePhase.TEST:
            return known if known.wait > 0 else narrow(known, low=known.rate, is_low_tested=True)
        case _:
            is_to_climb = known.wait <= 0 and known.rate < known.ceiling
            return _climb(replace(known, rate=known.low)) if is_to_climb else known


def _unused(learned: Learned, evidence: Evidence) -> Learned:
    """The state after a ramp, or a time with little to send: requests count as if sent at the full rate."""
    return replace(
        learned,
        seconds=learned.seconds + min(evidence.seconds, evidence.passed / learned.rate),
        passed=learned.passed + evidence.passed,
    )


def _climbs_slowly(learned: Learned) -> bool:
    """Whether there was no 429 yet, at a rate so low that each step of the climb takes seconds."""
    return learned.phase is RatePhase.CLIMB and not learned.low and learned.rate < tuning.SLOW


def _climb(learned: Learned) -> Learned:
    """A step up. From `low` the excess over it doubles with each step: it begins small, since most climbs
    find the limit where it was, and soon leaves a limit behind that has risen.
    """
    rate, low, ceiling = learned.rate, learned.low, learned.ceiling
    if rate >= ceiling:
        return _at_ceiling(learned)
    if not low:
        return replace(learned, rate=min(ceiling, rate * (1 + tuning.FIRST_CLIMB)))
    first = tuning.FIRST_STEP_AFTER_FALL if has_fallen(learned, low) else tuning.FIRST_STEP
    excess = first + 2 * (rate / low - 1)
    return replace(learned, phase=RatePhase.CLIMB, rate=min(ceiling, low * (1 + excess)))


def _at_ceiling(learned: Learned) -> Learned:
    ceiling = learned.ceiling
    return replace(
        learned,
        phase=RatePhase.STEADY,
        rate=ceiling,
        low=ceiling,
        high=ceiling,
        seconds=0.0,
        passed=0.0,
        held=0.0,
        is_low_tested=True,
    )
