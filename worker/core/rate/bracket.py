"""The bracket that holds the limit: `low` was allowed, `high` was throttled.

Between them a rate is tested, for so long that what a bucket had in store cannot explain it (bisection); once
they are close, the rate stays a little under `low`, and a climb looks for more after a while.
"""

from typing import Final

import msgspec

from worker.core.rate.learned import Learned, RatePhase

FIRST_CLIMB: Final = 0.8
"""Increase per step of the first climb, as a share of the rate: nothing is known yet."""
DOUBLING: Final = 0.42
"""Maximum increase per step of a later climb, as a share of the rate: two steps double it."""
FIRST_STEP: Final = 0.02
FIRST_STEP_AFTER_FALL: Final = 0.24
"""Increase by the first step of a climb where the rate was twice as high not long ago, as a share of it."""
TESTED: Final = 0.75
"""Minimum seconds without a 429 after which a tested rate counts as allowed."""
LONGEST_TEST: Final = 4.0
MARGIN: Final = 0.99
"""Share of the rate known as allowed that is used between climbs."""
CLOSE: Final = 1.04
"""Ratio of `high` to `low` below which the bracket is closed, and nothing in it tested any more."""
CLOSE_WHERE_DEAR: Final = 1.2
"""The same ratio where a 429 costs a long hold."""
MIDDLE: Final = 0.5
"""Position in the bracket of the rate to be tested, 0 is `low` and 1 is `high`, on a logarithmic scale."""
MIDDLE_WHERE_DEAR: Final = 0.3
DEAR: Final = 0.5
"""Seconds of hold from which on a 429 counts as costly."""
SHORTEST_WAIT: Final = 4.0
SHORTEST_WAIT_AFTER_FALL: Final = 1.5
"""Minimum seconds between two climbs, and the same after a fall: what fell may rise again."""
LONGEST_WAIT: Final = 8.0
"""Maximum seconds between two climbs where a 429 costs little. A climb to ten times the rate takes two
more."""
LOWEST: Final = 0.05
"""Lowest rate, in requests per second: however often it is throttled, a request goes out every 20 s."""


def narrow(
    learned: Learned,
    *,
    low: float | None = None,
    high: float | None = None,
    is_low_tested: bool | None = None,
) -> Learned:
    """Moves the ends of the bracket, and tests a rate between them, or holds steady where it is closed."""
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
    """Stays a little under `low` until the next climb is due."""
    low = max(learned.low, LOWEST)
    rate = max(LOWEST, min(MARGIN * low, learned.ceiling))
    is_after_fall = has_fallen(learned, rate)
    shortest = SHORTEST_WAIT_AFTER_FALL if is_after_fall else SHORTEST_WAIT
    wait = min(max(shortest, 0.12 * learned.age), LONGEST_WAIT)
    # After a fall a climb may win much, so it may cost more.
    wait = max(wait, 3 * learned.held if is_after_fall else learned.price)
    step = FIRST_STEP_AFTER_FALL if is_after_fall else FIRST_STEP
    return msgspec.structs.replace(learned, phase=RatePhase.STEADY, low=low, rate=rate, wait=wait, step=step)


def _test_of(learned: Learned, rate: float) -> float:
    """Seconds that a test at `rate` lasts: long enough to use up what a token bucket got back in the hold."""
    if has_fallen(learned, rate):
        return TESTED
    refilled = learned.held * learned.low
    return min(max(TESTED, refilled / (rate - learned.low)), LONGEST_TEST)


def has_fallen(learned: Learned, rate: float) -> bool:
    """Whether twice `rate` was allowed not long ago, and may be again."""
    return rate < 0.5 * learned.peak
