"""Finds the rate that the API allows, and stays just under it. Pure: clocks and chance are arguments.

The API publishes no limit, so it has to be met. Each 429 is met once, by all workers together, and three
things are learned from it:

* *The rate between two refusals.* At a refusal the limiter has nothing left to give. What it let through
  between two such moments, over the time between them, is therefore what it allows: exactly for a token
  bucket that never filled up meanwhile, a little less than that where it did (in a hold). The bounds are
  taken with and without the time held.
* *A bracket.* `low` was sent at for a while without a refusal, `high` was refused. Between them the rate is
  tested at their geometric mean until they are close (bisection), then it stays a little under `low`.
* *Where to look for more.* From `low` it climbs now and then in steps that double, from 2 % to 41 %, so that
  a limit which has not moved costs a refusal or two, and one that rose tenfold is used after some seconds.
  The time between climbs grows with the age of what is known, up to `LONGEST_WAIT`, and with what the last
  refusal cost: a server that asks for a second of silence each time is asked less often.

The same is told of TCP's ways of finding its window (slow start, AIMD, CUBIC: RFC 5681, RFC 9438), whose
names do not fit here: nothing is retransmitted, and a limiter refuses at once instead of losing.

Weakness: a limiter that has no burst at all, and asks for whole seconds of silence, costs about a tenth of
its rate while it is learned; see `tests/core/rate` for what each kind of limiter costs.
"""

import math
from enum import StrEnum
from typing import Final

import msgspec

from worker.core.rate.terms import Terms

LOOK: Final = 0.2
"""Seconds between two decisions, at least."""
DOUBLING: Final = 0.42
"""The largest step of a climb: two of them double the rate."""
BACK_UP: Final = 1.0
"""The largest step where the rate was twice as high not long ago: each doubles it."""
FIRST_STEP: Final = 0.02
FIRST_STEP_AFTER_FALL: Final = 0.24
"""The first step of a climb where the rate was twice as high not long ago."""
TESTED: Final = 0.75
"""Seconds without a refusal after which a rate counts as allowed."""
MARGIN: Final = 0.99
"""How much of the rate known as allowed is used."""
CLOSE: Final = 1.04
"""A bracket whose ends differ by less is closed."""
CLOSE_WHERE_DEAR: Final = 1.2
"""The same where a refusal costs a long hold."""
DEAR: Final = 0.5
"""Seconds of hold from which on a refusal is dear."""
SHORTEST_WAIT: Final = 2.0
LONGEST_WAIT: Final = 8.0
"""Seconds between two climbs where a refusal costs little. Tenfold from there takes two more."""
YOUNG: Final = 20.0
"""Seconds since the limit last moved, until which it is looked for more often than its price allows."""
PRICE: Final = 25.0
"""Seconds of sending for each second of hold: refusals may cost 4 % of the time."""
PER_REFUSAL: Final = 100.0
"""Requests for each one refused: 429s may be 1 % of the requests."""
TRUST: Final = 15
"""Requests let through between two refusals before their rate means anything."""
USED: Final = 0.7
"""Share of the allowed rate under which the rate is not what limits: then nothing is learned."""
LOWEST: Final = 0.05
"""Requests per second. However often it is refused, it goes on asking every 20 s."""
FORGET: Final = 60.0
"""Seconds in which the memory of a higher rate fades to a third."""


class Phase(StrEnum):
    CLIMB = "climb"
    TEST = "test"
    STEADY = "steady"


class Learned(msgspec.Struct, frozen=True):
    """What is known by now. It lies in Redis, so that the next worker and the next job start from it."""

    phase: Phase
    rate: float
    """Requests per second that may be sent now."""
    ceiling: float
    """The most that the settings allowed when this was decided."""
    low: float = 0.0
    """Allowed for a while without a refusal; 0 as long as nothing was refused."""
    high: float = 0.0
    """Refused since; 0 likewise."""
    step: float = DOUBLING
    """Of the next climb, as a share of the rate."""
    wait: float = 0.0
    """Seconds of sending until the test has passed, or the next climb begins."""
    seconds: float = 0.0
    """Since the last refusal, hold included; only those in which the rate was used."""
    passed: float = 0.0
    """Requests let through in `seconds`."""
    held: float = 0.0
    """Seconds of `seconds` that were held."""
    beyond: float = 0.0
    """Requests let through in this climb beyond what `low` would have sent: what a burst may explain."""
    strikes: int = 0
    """Refusals in a row with hardly anything let through between them."""
    price: float = 0.0
    """Seconds that should lie between two refusals, by what the last one cost."""
    age: float = 0.0
    """Seconds since the limit last moved markedly."""
    peak: float = 0.0
    """The highest rate of late."""


class Evidence(msgspec.Struct, frozen=True):
    """What was heard since the last decision."""

    seconds: float
    """Not counting holds."""
    passed: int
    """Answers that were no 429."""
    refused: int = 0
    latency: float = 0.0
    """Mean seconds to an answer."""


def begin(terms: Terms) -> Learned:
    """As long as nothing is known: a rate set by hand is believed, an unknown one is climbed for."""
    if terms.first >= terms.ceiling:
        return _at_ceiling(Learned(Phase.STEADY, terms.ceiling, terms.ceiling), terms.ceiling)
    return Learned(Phase.CLIMB, terms.first, terms.ceiling)


def next_look(learned: Learned, latency: float) -> float:
    """Seconds until the next decision: late enough for the answers to tell of the last one."""
    waits = min(learned.wait, 1.0) if learned.rate < learned.ceiling else 1.0
    return max(LOOK, 2 * latency, 3 / learned.rate, waits if learned.phase is Phase.STEADY else 0.0)


def under(learned: Learned, terms: Terms) -> Learned:
    """The same where the settings have changed since."""
    if terms.ceiling == learned.ceiling:
        return learned
    if terms.by_hand is not None and terms.ceiling > learned.ceiling and learned.rate >= learned.ceiling:
        # It was only the old setting that held it.
        return begin(terms)
    return msgspec.structs.replace(
        learned,
        ceiling=terms.ceiling,
        rate=min(learned.rate, terms.ceiling),
        low=min(learned.low, terms.ceiling),
    )


def heard(learned: Learned, evidence: Evidence) -> Learned:
    """After a while without a refusal."""
    seconds, passed = evidence.seconds, evidence.passed
    if passed < USED * learned.rate * seconds:
        return msgspec.structs.replace(learned, age=learned.age + seconds)
    so_far = learned.passed + passed
    known = msgspec.structs.replace(
        learned,
        seconds=learned.seconds + seconds,
        passed=so_far,
        wait=learned.wait - seconds,
        age=learned.age + seconds,
        strikes=0 if so_far >= TRUST else learned.strikes,
        peak=max(learned.peak * math.exp(-seconds / FORGET), learned.rate),
    )
    match known.phase:
        case Phase.CLIMB:
            return _climb(known, passed - known.low * seconds)
        case Phase.TEST:
            return known if known.wait > 0 else _narrow(known, low=known.rate)
        case _:
            return known if known.wait > 0 else _begin_climb(known)


def refused(learned: Learned, evidence: Evidence, hold: float) -> Learned:
    """After a 429, once for all requests that were under way; nobody sends for `hold` seconds."""
    seconds, passed = learned.seconds + evidence.seconds, learned.passed + evidence.passed
    age = learned.age + evidence.seconds
    if passed < TRUST and (learned.strikes or not passed):
        # Still the same event: it says how long to keep away, not how fast to go.
        return _still_blocked(learned, seconds, passed, age, hold)
    between = passed / seconds if seconds else 0.0
    between_sending = passed / max(seconds - learned.held, 1e-3)
    known = msgspec.structs.replace(
        learned,
        seconds=hold,
        passed=0.0,
        held=hold,
        strikes=1,
        age=age,
        price=max(PRICE * hold, PER_REFUSAL * evidence.refused / learned.rate),
    )
    trusted = passed >= TRUST
    match learned.phase:
        case Phase.CLIMB:
            return _climb_refused(known, between if trusted else 0.0, between_sending)
        case Phase.TEST:
            return (
                _test_refused(known, between, between_sending) if trusted else _narrow(known, high=known.rate)
            )
        case _:
            return _fall(known, math.sqrt(between * min(between_sending, known.rate)))


def _begin_climb(learned: Learned) -> Learned:
    if learned.rate >= learned.ceiling:
        return learned
    rate = min(learned.ceiling, learned.low * (1 + learned.step))
    return msgspec.structs.replace(learned, phase=Phase.CLIMB, rate=rate, step=2 * learned.step, beyond=0.0)


def _climb(learned: Learned, beyond: float) -> Learned:
    if learned.rate >= learned.ceiling:
        return _at_ceiling(learned, learned.ceiling)
    return msgspec.structs.replace(
        learned,
        rate=min(learned.ceiling, learned.rate * (1 + learned.step)),
        step=min(BACK_UP if 2 * learned.rate < learned.peak else DOUBLING, 2 * learned.step),
        beyond=learned.beyond + max(0.0, beyond),
    )


def _at_ceiling(learned: Learned, ceiling: float) -> Learned:
    return msgspec.structs.replace(
        learned,
        phase=Phase.STEADY,
        rate=ceiling,
        low=ceiling,
        high=ceiling,
        seconds=0.0,
        passed=0.0,
        held=0.0,
    )


def _climb_refused(learned: Learned, between: float, between_sending: float) -> Learned:
    rate, low = learned.rate, learned.low
    a_burst = max(20.0, low)
    if not low or (rate > 1.5 * low and learned.beyond > a_burst):
        # The limit is somewhere between this rate and the one two steps ago.
        return _narrow(msgspec.structs.replace(learned, age=0.0), low=rate / 2, high=rate)
    if between > low:
        low = min(between, rate)
    elif learned.beyond > 0 and between_sending > 0.97 * low:
        # One step was let through: a hundredth of it may be kept.
        low = min(1.01 * low, rate)
    return _settle(msgspec.structs.replace(learned, low=low, high=rate))


def _test_refused(learned: Learned, between: float, between_sending: float) -> Learned:
    low, high = learned.low, min(learned.rate, max(between_sending, learned.low))
    if between > low:
        low = min(between, high)
    if between_sending < learned.low:
        low = math.sqrt(between * between_sending)
    return _narrow(learned, low=low, high=max(high, low))


def _fall(learned: Learned, estimate: float) -> Learned:
    """Refused at a rate that had been allowed: the limit has fallen, at once and as far as was seen."""
    low = min(max(estimate, 0.3 * learned.rate), learned.low)
    moved = low < 0.75 * learned.low
    return _settle(
        msgspec.structs.replace(learned, low=low, high=learned.low, age=0.0 if moved else learned.age)
    )


def _still_blocked(learned: Learned, seconds: float, passed: float, age: float, hold: float) -> Learned:
    blocked = learned.held + hold
    known = msgspec.structs.replace(
        learned,
        seconds=seconds + hold,
        passed=passed,
        held=blocked,
        strikes=learned.strikes + 1,
        age=age,
        price=PRICE * blocked,
    )
    return _settle(known) if known.phase is Phase.STEADY else known


def _narrow(learned: Learned, low: float | None = None, high: float | None = None) -> Learned:
    low = learned.low if low is None else low
    high = learned.high if high is None else high
    dear = learned.held > DEAR
    known = msgspec.structs.replace(learned, low=max(low, LOWEST), high=high)
    if high <= low * (CLOSE_WHERE_DEAR if dear else CLOSE):
        return _settle(known)
    rate = low * (high / low) ** (0.3 if dear else 0.5)
    return msgspec.structs.replace(known, phase=Phase.TEST, rate=rate, wait=TESTED)


def _settle(learned: Learned) -> Learned:
    low = max(learned.low, LOWEST)
    rate = max(LOWEST, min(MARGIN * low, learned.ceiling))
    wait = min(max(SHORTEST_WAIT, 0.12 * learned.age), LONGEST_WAIT)
    wait = max(wait, learned.price if learned.age > YOUNG else 3 * learned.held)
    step = FIRST_STEP_AFTER_FALL if rate < 0.5 * learned.peak else FIRST_STEP
    return msgspec.structs.replace(learned, phase=Phase.STEADY, low=low, rate=rate, wait=wait, step=step)
