"""What a 429 says of the limit, by what the learner was doing when it came."""

import math
from typing import NamedTuple

from msgspec.structs import replace

from worker.core.rate import tuning
from worker.core.rate.bracket import hold_steady, narrow
from worker.core.rate.learned import Evidence, Learned, RatePhase


class Bounds(NamedTuple):
    """Bounds of the limit, in requests per second. At both of the last 429s the limiter had nothing left."""

    at_least: float
    """Requests passed since the last 429 over the whole time since: less than the limit where a bucket filled
    up meanwhile. One request at least is assumed: its answer may have come before the 429 was known."""
    at_most: float
    """The same without the hold and the time that not all workers have reported on yet: more than the limit
    where a bucket got something back in the hold."""
    trusted: bool
    """Whether enough requests passed for the bounds to mean something."""
    passed: float
    """Requests passed since the last 429."""

    @property
    def middle(self) -> float:
        return math.sqrt(self.at_least * self.at_most)

    def without_a_burst(self, rate: float) -> float:
        """`at_most` less one full bucket: however long the hold was, it filled a bucket only once.

        Nearer to the limit than `at_least` after a long hold that was asked for.
        """
        return self.at_most * (1 - max(tuning.BURST, rate) / max(self.passed, 1.0))


def on_throttle(learned: Learned, evidence: Evidence, hold: float) -> Learned:
    """The state after a 429, counted once for all requests that were in flight.

    `hold`: seconds for which nobody sends.
    """
    seconds, passed = learned.seconds + evidence.seconds, learned.passed + evidence.passed
    if not passed and not evidence.late:
        return _still_blocked(learned, seconds, hold)
    bounds = Bounds(
        max(passed, 1) / max(seconds, 1e-3),
        passed / max(seconds - learned.held - tuning.REPORTING_LAG, 1e-3),
        passed >= tuning.TRUST,
        passed,
    )
    known = replace(
        learned,
        seconds=hold,
        passed=0.0,
        held=hold,
        strikes=1 if bounds.trusted else _strikes(learned.strikes),
    )
    if not bounds.trusted and learned.strikes >= tuning.CHANCE_STRIKES:
        return _on_repeated_throttle(known, bounds, blocked=learned.strikes > tuning.CHANCE_STRIKES)
    match learned.phase:
        case RatePhase.CLIMB:
            return _on_throttle_climbing(known, bounds)
        case RatePhase.TEST:
            return _on_throttle_testing(known, bounds)
        case _:
            is_rare = passed >= tuning.REQUESTS and seconds >= tuning.TOLERATED * max(hold, learned.held)
            return known if is_rare else _on_throttle_steady(known, bounds)


def _still_blocked(learned: Learned, seconds: float, hold: float) -> Learned:
    """Nothing passed since the last 429: this one says how long to hold, not how fast to send."""
    known = replace(learned, seconds=seconds + hold, held=learned.held + hold, strikes=learned.strikes + 1)
    match known.phase:
        case RatePhase.CLIMB:
            return known
        case RatePhase.TEST:
            return narrow(known)
        case _:
            return hold_steady(known)


def _strikes(so_far: int) -> int:
    """Strikes after a 429 before which a little had passed: they fall again, but not below the first two."""
    least = tuning.CHANCE_STRIKES
    return so_far + 1 if so_far < least else max(least, so_far - 1)


def _on_repeated_throttle(learned: Learned, bounds: Bounds, *, blocked: bool) -> Learned:
    """The third 429 in a row, with little passed between them, at a rate never exceeded before.

    The limit is far lower. `blocked`: nothing passed after one of the holds, so that none of them filled a
    bucket, and what passed over the whole time is what is allowed.
    """
    low = bounds.at_least if blocked else bounds.middle
    return narrow(learned, low=min(low, learned.rate), high=learned.rate, is_low_tested=False)


def _on_throttle_climbing(learned: Learned, bounds: Bounds) -> Learned:
    """A 429 in a climb above `low`."""
    rate, low = learned.rate, learned.low
    if not low:
        # A burst alone may explain that the last step passed. Were `low` above the limit, each test above it
        # would be throttled, with a long hold each where 429s are punished. Not so where the API asks for a
        # long hold by itself: that fills a bucket again, and coming back from so far below costs more.
        is_near = learned.held > tuning.DEAR and rate >= tuning.BURST
        low = rate / (tuning.ONE_STEP if is_near else tuning.TWO_STEPS)
        return narrow(learned, low=low, high=rate, is_low_tested=False)
    if rate > tuning.RISEN * low:
        return narrow(learned, low=rate / 2, high=rate, is_low_tested=False)
    if bounds.trusted and bounds.at_least > low:
        low = min(bounds.at_least, rate)
    elif bounds.trusted and rate > tuning.STEP_PASSED * low:
        low = min(tuning.CLIMB_GAIN * low, rate)
    return hold_steady(replace(learned, low=low, high=rate))


def _on_throttle_testing(learned: Learned, bounds: Bounds) -> Learned:
    """A 429 while a rate within the bracket was tested."""
    low, rate = learned.low, learned.rate
    if not bounds.trusted:
        return narrow(learned, high=rate)
    # A tested `low` stands: what passed before the test, at a lower rate, says nothing of higher ones.
    high = rate if learned.is_low_tested else min(rate, bounds.at_most)
    if bounds.at_least > low:
        low = min(bounds.at_least, high)
    elif not learned.is_low_tested and (bounds.at_most < low or learned.held > tuning.DEAR):
        low = bounds.middle
    return narrow(learned, low=low, high=high)


def _on_throttle_steady(learned: Learned, bounds: Bounds) -> Learned:
    """A 429 at a rate that had been allowed: the limit has fallen, and the rate follows at once."""
    rate = learned.rate
    if not bounds.trusted and learned.strikes >= tuning.CHANCE_STRIKES:
        low = max(bounds.at_least, tuning.GUESSED_LOW * rate)
        return narrow(learned, low=low, high=rate, is_low_tested=False)
    if not bounds.trusted:
        # A 429 so soon may be chance: workers that start together.
        return hold_steady(learned)
    least, most, high = bounds.at_least, min(bounds.at_most, rate), min(learned.low, rate)
    if learned.held > tuning.DEAR:
        least, high = max(least, bounds.without_a_burst(rate)), most
    low = min(math.sqrt(least * most), learned.low)
    return narrow(learned, low=low, high=high, is_low_tested=low >= 0.75 * learned.low)
