"""The bracket that holds the limit: `low` was allowed, `high` was throttled.

Between them a rate is tested, for so long that what a bucket had in store cannot explain it (bisection); once
they are close, the rate stays a little under `low`, and a climb looks for more after a while.
"""

from msgspec.structs import replace

from worker.core.rate import tuning
from worker.core.rate.learned import Learned, RatePhase


def narrow(
    learned: Learned,
    *,
    low: float | None = None,
    high: float | None = None,
    is_low_tested: bool | None = None,
) -> Learned:
    """Moves the ends of the bracket, and tests a rate between them, or holds steady where it is closed."""
    low = max(learned.low if low is None else low, tuning.LOWEST)
    high = max(learned.high if high is None else high, low)
    is_dear = learned.held > tuning.DEAR
    known = replace(
        learned,
        low=low,
        high=high,
        is_low_tested=learned.is_low_tested if is_low_tested is None else is_low_tested,
    )
    if high <= low * (tuning.CLOSE_WHERE_DEAR if is_dear else tuning.CLOSE):
        return hold_steady(replace(known, is_low_tested=True))
    rate = low * (high / low) ** (tuning.MIDDLE_WHERE_DEAR if is_dear else tuning.MIDDLE)
    return replace(
        known, phase=RatePhase.TEST, rate=min(rate, known.ceiling), wait=_test_seconds(known, rate)
    )


def hold_steady(learned: Learned) -> Learned:
    """Stays a little under `low` until the next climb is due."""
    low = max(learned.low, tuning.LOWEST)
    rate = max(tuning.LOWEST, min(tuning.MARGIN * low, learned.ceiling))
    if has_fallen(learned, rate):
        # A climb may win much, so it may cost more.
        wait = max(tuning.WAIT_AFTER_FALL, tuning.PRICE_AFTER_FALL * learned.held)
    else:
        wait = max(tuning.WAIT, tuning.PRICE * learned.held, tuning.REQUESTS / low)
    return replace(
        learned, phase=RatePhase.STEADY, low=low, high=max(low, learned.high), rate=rate, wait=wait
    )


def has_fallen(learned: Learned, rate: float) -> bool:
    """Whether twice `rate` was allowed not long ago, and may be again."""
    return rate < 0.5 * learned.peak


def _test_seconds(learned: Learned, rate: float) -> float:
    """Seconds of a test at `rate`: long enough to use up the tokens that a bucket got back in the hold."""
    if has_fallen(learned, rate):
        return tuning.TESTED
    refilled = learned.held * learned.low
    return min(max(tuning.TESTED, refilled / (rate - learned.low)), tuning.LONGEST_TEST)
