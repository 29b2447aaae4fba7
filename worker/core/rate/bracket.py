"""The bracket in which the limit lies: `low` is allowed, `high` is refused.

Between them a rate is tested, for so long that what a bucket had in store cannot explain it (bisection); once
they are close, the rate stays a little under `low`, and a climb looks for more after a while.
"""

from typing import Final

import msgspec

from worker.core.rate.learned import Learned, RatePhase

FIRST_CLIMB: Final = 0.8
"""The step of the first climb, while nothing is known yet."""
DOUBLING: Final = 0.42
"""The largest step of a later climb: two of them double the rate."""
FIRST_STEP: Final = 0.02
FIRST_STEP_AFTER_FALL: Final = 0.24
"""The first step of a climb where the rate was twice as high not long ago."""
TESTED: Final = 0.75
"""Seconds without a refusal after which a rate counts as allowed, at least."""
LONGEST_TEST: Final = 4.0
MARGIN: Final = 0.99
"""How much of the rate known as allowed is used."""
CLOSE: Final = 1.04
"""A bracket whose ends differ by less is closed."""
CLOSE_WHERE_DEAR: Final = 1.2
"""The same where a refusal costs a long hold."""
MIDDLE: Final = 0.5
"""How far into the bracket, on a logarithmic scale, a rate is tested."""
MIDDLE_WHERE_DEAR: Final = 0.3
DEAR: Final = 0.5
"""Seconds of hold from which on a refusal is dear."""
SHORTEST_WAIT: Final = 4.0
SHORTEST_WAIT_AFTER_FALL: Final = 1.5
"""The same where the rate was twice as high not long ago: what fell may rise again."""
LONGEST_WAIT: Final = 8.0
"""Seconds between two climbs where a refusal costs little. Tenfold from there takes two more."""
LOWEST: Final = 0.05
"""Requests per second. However often it is refused, it goes on asking every 20 s."""


def narrow(
    learned: Learned,
    *,
    low: float | None = None,
    high: float | None = None,
    is_low_tested: bool | None = None,
) -> Learned:
    """Tests a rate between the ends, or settles where they are close enough."""
    low = max(learned.low if low is None else low, LOWEST)
    high = max(learned.high if high is None else high, low)
    dear = max(learned.held, learned.held_before) > DEAR
    known = msgspec.structs.replace(
        learned,
        low=low,
        high=high,
        is_low_tested=learned.is_low_tested if is_low_tested is None else is_low_tested,
    )
    if high <= low * (CLOSE_WHERE_DEAR if dear else CLOSE):
        return hold_steady(msgspec.structs.replace(known, is_low_tested=True))
    rate = low * (high / low) ** (MIDDLE_WHERE_DEAR if dear else MIDDLE)
    wait = _test_of(known, rate)
    return msgspec.structs.replace(
        known, phase=RatePhase.TEST, rate=rate, wait=wait, test_seconds=0.0, test_passed=0.0
    )


def hold_steady(learned: Learned) -> Learned:
    """Stays under `low` until it is time to look for more."""
    low = max(learned.low, LOWEST)
    rate = max(LOWEST, min(MARGIN * low, learned.ceiling))
    is_after_fall = has_fallen(learned, rate)
    shortest = SHORTEST_WAIT_AFTER_FALL if is_after_fall else SHORTEST_WAIT
    wait = min(max(shortest, 0.12 * learned.age), LONGEST_WAIT)
    # After a fall much may be won by a look, so that it may cost more.
    wait = max(wait, 3 * learned.held if is_after_fall else learned.price)
    step = FIRST_STEP_AFTER_FALL if is_after_fall else FIRST_STEP
    return msgspec.structs.replace(learned, phase=RatePhase.STEADY, low=low, rate=rate, wait=wait, step=step)


def _test_of(learned: Learned, rate: float) -> float:
    """Seconds that a test at `rate` lasts: what a bucket got back in the hold has to be used up."""
    if has_fallen(learned, rate):
        return TESTED
    refilled = learned.held * learned.low
    return min(max(TESTED, refilled / (rate - learned.low)), LONGEST_TEST)


def has_fallen(learned: Learned, rate: float) -> bool:
    """Whether twice of `rate` was allowed not long ago, and may be again."""
    return rate < 0.5 * learned.peak
