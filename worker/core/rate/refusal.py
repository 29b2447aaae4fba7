"""What a refusal says of the limit, by what was being done when it came."""

import math
from typing import Final, NamedTuple

import msgspec

from worker.core.rate.bracket import DEAR, FIRST_CLIMB, FIRST_STEP, has_fallen, hold_steady, narrow
from worker.core.rate.learned import Learned

FAR: Final = 1.3
"""Times `low` that a climb got to, from where a `low` which was only guessed is tested anew."""
VERY_FAR: Final = 1.5
"""The same where so much passed that hardly a burst explains it."""
A_BURST: Final = 20.0
"""Requests, and no less than a second's worth: what a bucket may well hold."""
ONE_STEP: Final = 1.01
"""How much of a climb that came to nothing may be kept, where a step of it passed."""
FURTHEST_FALL: Final = 0.3
"""Of the rate, at one refusal."""
A_LITTLE_LESS: Final = 0.95
"""Of the rate, after a refusal that nothing is known of yet."""
BY_CHANCE: Final = (0.98, 0.95, 0.9)
"""Of a rate set by hand that was borne: sent for a moment after the first refusal, the second, the third."""
A_MOMENT: Final = 0.4
"""Seconds, times how many there were."""
BORNE: Final = 0.04
"""Seconds' worth of requests between two refusals, under which the second is no chance."""
GUESS: Final = 0.1
"""Of the rate, as the lower end of a bracket where nothing better is known."""
TWO_STEPS: Final = (1 + FIRST_CLIMB) ** 2
"""Of the first climb: by so much is a rate higher than what was borne before the last."""
ONE_STEP_AND_A_BIT: Final = 2.0
"""The same with the last, which was 1.8 times lower."""


class Bounds(NamedTuple):
    """Of the limit, in requests per second. At the last refusal and at this one there was nothing left."""

    at_least: float
    """What passed since the last refusal, over all the time: less than the limit where a bucket filled up.
    Of one request at least: if it was none, its answer came before the refusal was known."""
    at_most: float
    """The same without the time held, and that of which not all workers have told yet: more than the limit
    where the hold put something into the bucket."""
    tested_rate: float
    """What passed at the rate that was tested, over the time since it was set: more than the limit where a
    bucket was not empty then. Less was sent before, so that `at_most` may be too low."""
    trusted: bool
    """Whether enough passed for that to mean something."""
    passed: float
    """Requests since the last refusal."""

    @property
    def middle(self) -> float:
        return math.sqrt(self.at_least * self.at_most)

    def without_a_burst(self, rate: float) -> float:
        """What is left of `at_most` where the hold filled a bucket: however long it was, only once.

        It says more than `at_least` after a long hold that a penalty asked for, and too much where a window
        of a minute lets go all at once: not to be believed of a rate that was never tested.
        """
        return self.at_most * (1 - max(A_BURST, rate) / max(self.passed, 1.0))


def on_repeated_throttle(learned: Learned, bounds: Bounds, *, blocked: bool) -> Learned:
    """Refused three times in a row with little let through between them, where no more was ever borne.

    The limit is far lower. `blocked`: nothing passed after one of the holds, so that none of them filled a
    bucket, and what passed over all the time is what is allowed.
    """
    low = bounds.at_least if blocked else bounds.middle
    return narrow(_limit_has_moved(learned), low=min(low, learned.rate), high=learned.rate)


def on_throttle_climbing(learned: Learned, bounds: Bounds) -> Learned:
    """Refused while looking for more than `low`."""
    rate, low = learned.rate, learned.low
    if not low:
        # A burst alone may have borne the last step. Were `low` more than is allowed, the tests above it
        # would be refused in turn, each for a long hold where refusals are punished. Not where the API asks
        # for a long hold by itself: that fills a bucket again, and coming back from so far below costs more.
        back = ONE_STEP_AND_A_BIT if learned.held > DEAR and rate >= A_BURST else TWO_STEPS
        return narrow(_limit_has_moved(learned), low=rate / back, high=rate)
    if rate > VERY_FAR * low and learned.passed_above_low > max(A_BURST, low):
        return narrow(_limit_has_moved(learned), low=rate / 2, high=rate)
    if bounds.trusted and bounds.at_least > low:
        low = min(bounds.at_least, rate)
    elif rate > FAR * low and (
        not learned.is_low_tested or (learned.held > DEAR and has_fallen(learned, low))
    ):
        # Where a climb is dear, a fall would take too many of them to be made good.
        return narrow(learned, high=rate)
    elif learned.passed_above_low > 0 and bounds.at_most > 0.97 * low:
        low = min(ONE_STEP * low, rate)
    return hold_steady(msgspec.structs.replace(learned, low=low, high=rate))


def on_throttle_testing(learned: Learned, bounds: Bounds) -> Learned:
    """Refused while a rate within the bracket was tested."""
    low, rate = learned.low, learned.rate
    if not bounds.trusted:
        return narrow(learned, high=rate)
    # A `low` that was tested stands, and what passed before it did, at a lower rate, says nothing of more.
    high = min(rate, max(bounds.tested_rate, low) if learned.is_low_tested else bounds.at_most)
    if bounds.at_least > low:
        low = min(bounds.at_least, high)
    elif not learned.is_low_tested and (bounds.at_most < low or learned.held > DEAR):
        low = bounds.middle
    return narrow(learned, low=low, high=high)


def on_throttle_steady(learned: Learned, bounds: Bounds) -> Learned:
    """Refused at a rate that had been allowed: the limit has fallen, at once and as far as was seen."""
    rate = learned.rate
    if _may_be_chance(learned, bounds):
        return _dip_briefly(learned)
    if not bounds.trusted and learned.strikes > 1:
        return narrow(_limit_has_moved(learned), low=max(bounds.at_least, GUESS * rate), high=rate)
    if not bounds.trusted:
        # One so soon may be chance: workers that start together.
        return hold_steady(msgspec.structs.replace(learned, low=A_LITTLE_LESS * rate, high=rate))
    high = min(bounds.at_most, rate)
    least = max(bounds.at_least, bounds.without_a_burst(rate) if learned.is_low_tested else 0.0)
    low = min(max(math.sqrt(least * high), FURTHEST_FALL * rate), learned.low)
    known = _limit_has_moved(learned) if low < 0.75 * learned.low else learned
    if learned.held > DEAR:
        return narrow(known, low=low, high=high)
    return hold_steady(msgspec.structs.replace(known, low=low, high=learned.low))


def _may_be_chance(learned: Learned, bounds: Bounds) -> bool:
    """Whether a rate that a person set, and that was borne, may be borne still.

    A stall of this machine or of the API sends a few requests as a burst. A limit that is lower refuses
    again, and soon.
    """
    borne = bounds.trusted and (not learned.chance_throttles or bounds.passed >= BORNE * learned.ceiling)
    believed = learned.by_hand and learned.low >= learned.ceiling
    return believed and borne and learned.chance_throttles < len(BY_CHANCE)


def _dip_briefly(learned: Learned) -> Learned:
    return msgspec.structs.replace(
        learned,
        rate=BY_CHANCE[learned.chance_throttles] * learned.ceiling,
        wait=A_MOMENT * (learned.chance_throttles + 1),
        step=FIRST_STEP,
        chance_throttles=learned.chance_throttles + 1,
    )


def _limit_has_moved(learned: Learned) -> Learned:
    """The limit is another than before: it is looked for often, and `low` is a guess."""
    return msgspec.structs.replace(learned, age=0.0, is_low_tested=False)
