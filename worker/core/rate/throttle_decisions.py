"""What a 429 says of the limit, by what the learner was doing when it came."""

import math
from typing import Final, NamedTuple

import msgspec

from worker.core.rate.bracket import DEAR, FIRST_CLIMB, FIRST_STEP, has_fallen, hold_steady, narrow
from worker.core.rate.learned import Learned

RETEST_RATIO: Final = 1.3
"""Ratio of the throttled rate to `low`, above which a `low` that was only guessed is tested again."""
RISEN_RATIO: Final = 1.5
"""Ratio above which the limit is taken to have risen, if more passed in the climb than a burst explains."""
BURST: Final = 20.0
"""Requests that a token bucket may well hold; at least a second's worth is assumed."""
CLIMB_GAIN: Final = 1.01
"""Factor by which `low` grows after a climb that was throttled, if a step of it had passed."""
MIN_SHARE_KEPT: Final = 0.3
"""Smallest share of the current rate that one 429 may lower it to."""
FIRST_CUT: Final = 0.95
"""Share of the rate that is kept after a first 429 which may be chance."""
CHANCE_DIPS: Final = (0.98, 0.95, 0.9)
"""Shares of a rate set by hand and known as allowed, used for a moment after the first, the second and the
third 429 in a row which may be chance."""
DIP_SECONDS: Final = 0.4
"""Seconds that each of these moments lasts, times the number of such 429s."""
CHANCE_GAP: Final = 0.04
"""Seconds' worth of requests between two 429s, below which the second is not taken for chance."""
GUESSED_LOW: Final = 0.1
"""Lower end of a bracket, as a share of the rate, where nothing better is known."""
TWO_STEP_RATIO: Final = (1 + FIRST_CLIMB) ** 2
"""Ratio of the rate throttled in the first climb to the rate two steps before it."""
LONG_HOLD_RATIO: Final = 2.0
"""The ratio used instead after a long hold: a little more than one step, which was 1.8."""


class Bounds(NamedTuple):
    """Bounds of the limit, in requests per second. At both of the last 429s the limiter had nothing left."""

    at_least: float
    """Requests passed since the last 429 over the whole time since: less than the limit where a bucket filled
    up meanwhile. One request at least is assumed: its answer may have come before the 429 was known."""
    at_most: float
    """The same without the hold and the time that not all workers have reported on yet: more than the limit
    where a bucket got something back in the hold."""
    tested_rate: float
    """Requests passed in the test over its time: more than the limit where a bucket was not empty when it
    began. Before it less was sent, so that `at_most` may be too low."""
    trusted: bool
    """Whether enough requests passed for the bounds to mean something."""
    passed: float
    """Requests passed since the last 429."""

    @property
    def middle(self) -> float:
        return math.sqrt(self.at_least * self.at_most)

    def without_a_burst(self, rate: float) -> float:
        """`at_most` less one full bucket: however long the hold was, it filled a bucket only once.

        Nearer to the limit than `at_least` after a long hold that a penalty asked for, and too high where a
        window of a minute lets everything pass at once: not to be trusted for a rate that was never tested.
        """
        return self.at_most * (1 - max(BURST, rate) / max(self.passed, 1.0))


def on_repeated_throttle(learned: Learned, bounds: Bounds, *, blocked: bool) -> Learned:
    """The third 429 in a row, with little passed between them, at a rate never exceeded before.

    The limit is far lower. `blocked`: nothing passed after one of the holds, so that none of them filled a
    bucket, and what passed over the whole time is what is allowed.
    """
    low = bounds.at_least if blocked else bounds.middle
    return narrow(_limit_has_moved(learned), low=min(low, learned.rate), high=learned.rate)


def on_throttle_climbing(learned: Learned, bounds: Bounds) -> Learned:
    """A 429 in a climb above `low`."""
    rate, low = learned.rate, learned.low
    if not low:
        # A burst alone may explain that the last step passed. Were `low` above the limit, each test above it
        # would be throttled, with a long hold each where 429s are punished. Not so where the API asks for a
        # long hold by itself: that fills a bucket again, and coming back from so far below costs more.
        back = LONG_HOLD_RATIO if learned.held > DEAR and rate >= BURST else TWO_STEP_RATIO
        return narrow(_limit_has_moved(learned), low=rate / back, high=rate)
    if rate > RISEN_RATIO * low and learned.passed_above_low > max(BURST, low):
        return narrow(_limit_has_moved(learned), low=rate / 2, high=rate)
    if bounds.trusted and bounds.at_least > low:
        low = min(bounds.at_least, rate)
    elif rate > RETEST_RATIO * low and (
        not learned.is_low_tested or (learned.held > DEAR and has_fallen(learned, low))
    ):
        # Where climbs are costly, it would take too many of them to make good for a fall.
        return narrow(learned, high=rate)
    elif learned.passed_above_low > 0 and bounds.at_most > 0.97 * low:
        low = min(CLIMB_GAIN * low, rate)
    return hold_steady(msgspec.structs.replace(learned, low=low, high=rate))


def on_throttle_testing(learned: Learned, bounds: Bounds) -> Learned:
    """A 429 while a rate within the bracket was tested."""
    low, rate = learned.low, learned.rate
    if not bounds.trusted:
        return narrow(learned, high=rate)
    # A tested `low` stands: what passed before the test, at a lower rate, says nothing of higher ones.
    high = min(rate, max(bounds.tested_rate, low) if learned.is_low_tested else bounds.at_most)
    if bounds.at_least > low:
        low = min(bounds.at_least, high)
    elif not learned.is_low_tested and (bounds.at_most < low or learned.held > DEAR):
        low = bounds.middle
    return narrow(learned, low=low, high=high)


def on_throttle_steady(learned: Learned, bounds: Bounds) -> Learned:
    """A 429 at a rate that had been allowed: the limit has fallen, and the rate follows at once."""
    rate = learned.rate
    if _may_be_chance(learned, bounds):
        return _dip_briefly(learned)
    if not bounds.trusted and learned.strikes > 1:
        return narrow(_limit_has_moved(learned), low=max(bounds.at_least, GUESSED_LOW * rate), high=rate)
    if not bounds.trusted:
        # A 429 so soon may be chance: workers that start together.
        return hold_steady(msgspec.structs.replace(learned, low=FIRST_CUT * rate, high=rate))
    high = min(bounds.at_most, rate)
    least = max(bounds.at_least, bounds.without_a_burst(rate) if learned.is_low_tested else 0.0)
    low = min(max(math.sqrt(least * high), MIN_SHARE_KEPT * rate), learned.low)
    known = _limit_has_moved(learned) if low < 0.75 * learned.low else learned
    if learned.held > DEAR:
        return narrow(known, low=low, high=high)
    return hold_steady(msgspec.structs.replace(known, low=low, high=learned.low))


def _may_be_chance(learned: Learned, bounds: Bounds) -> bool:
    """Whether a rate that was set by a person, and had been allowed, may still be allowed.

    A stall of this machine or of the API turns a few requests into a burst, which is throttled. A limit that
    is lower throttles again, and soon.
    """
    borne = bounds.trusted and (not learned.chance_throttles or bounds.passed >= CHANCE_GAP * learned.ceiling)
    believed = learned.by_hand and learned.low >= learned.ceiling
    return believed and borne and learned.chance_throttles < len(CHANCE_DIPS)


def _dip_briefly(learned: Learned) -> Learned:
    return msgspec.structs.replace(
        learned,
        rate=CHANCE_DIPS[learned.chance_throttles] * learned.ceiling,
        wait=DIP_SECONDS * (learned.chance_throttles + 1),
        step=FIRST_STEP,
        chance_throttles=learned.chance_throttles + 1,
    )


def _limit_has_moved(learned: Learned) -> Learned:
    """Notes that the limit has changed: climbs come often again, and `low` is a guess."""
    return msgspec.structs.replace(learned, age=0.0, is_low_tested=False)
