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

from worker.core.rate.bracket import DOUBLING, FIRST_CLIMB, narrow, settle
from worker.core.rate.learned import Evidence, Learned, Phase
from worker.core.rate.refusal import (
    A_BURST,
    Bounds,
    refused_climbing,
    refused_often,
    refused_steady,
    refused_testing,
)
from worker.core.rate.slots import RUN_SECONDS
from worker.core.rate.terms import Terms

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
UNTOLD: Final = RUN_SECONDS
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


def begin(terms: Terms) -> Learned:
    """As long as nothing is known: a rate set by hand is believed, an unknown one is climbed for."""
    if terms.first >= terms.ceiling:
        by_hand = terms.by_hand is not None
        return _at_ceiling(
            Learned(Phase.STEADY, terms.ceiling, terms.ceiling, by_hand=by_hand), terms.ceiling
        )
    return Learned(Phase.CLIMB, terms.first, terms.ceiling, step=FIRST_CLIMB)


def next_look(learned: Learned, latency: float) -> float:
    """Seconds until the next decision: late enough for the answers to tell of the last one."""
    waits = min(learned.wait, 1.0) if learned.rate < learned.ceiling else 1.0
    few = ENOUGH_WHERE_SLOW if _climbs_slowly(learned) else ENOUGH
    return max(LOOK, 2 * latency, few / learned.rate, waits if learned.phase is Phase.STEADY else 0.0)


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
        by_hand=terms.by_hand is not None,
        rate=min(learned.rate, terms.ceiling),
        low=min(learned.low, terms.ceiling),
    )


def heard(learned: Learned, evidence: Evidence) -> Learned:
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
        tried_seconds=learned.tried_seconds + seconds,
        tried_passed=learned.tried_passed + passed,
        age=learned.age + seconds,
        strikes=0 if so_far >= TRUST else learned.strikes,
        lone=0 if learned.seconds > FORGIVEN else learned.lone,
        peak=max(learned.peak * math.exp(-seconds / FORGET), learned.rate),
        beyond=_beyond(learned, evidence),
    )
    match known.phase:
        case Phase.CLIMB:
            return _climb(known)
        case Phase.TEST:
            return known if known.wait > 0 else narrow(known, low=known.rate, sure=True)
        case _:
            return known if known.wait > 0 else _begin_climb(known)


def refused(learned: Learned, evidence: Evidence, hold: float) -> Learned:
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
        price=max(PRICE * hold, PER_REFUSAL * evidence.refused / learned.rate),
        beyond=_beyond(learned, evidence),
    )
    tried = learned.tried_seconds + evidence.seconds - evidence.latency
    bounds = Bounds(
        max(passed, 1) / max(seconds, 1e-3),
        passed / max(seconds - learned.held - UNTOLD, 1e-3),
        (learned.tried_passed + evidence.passed) / max(tried, 1e-3),
        trusted,
        passed,
    )
    if not trusted and learned.strikes >= A_FEW and is_low:
        return refused_often(known, bounds, blocked=learned.strikes > A_FEW)
    match learned.phase:
        case Phase.CLIMB:
            return refused_climbing(known, bounds)
        case Phase.TEST:
            return refused_testing(known, bounds)
        case _:
            return refused_steady(known, bounds)


def _unused(learned: Learned, evidence: Evidence) -> Learned:
    """After a ramp, or a time with little to send: what passed counts, in no more time than it takes."""
    taken = min(evidence.seconds, evidence.passed / learned.rate)
    return msgspec.structs.replace(
        learned,
        seconds=learned.seconds + taken,
        passed=learned.passed + evidence.passed,
        age=learned.age + evidence.seconds,
        beyond=_beyond(learned, evidence),
    )


def _climbs_slowly(learned: Learned) -> bool:
    """Whether nothing was refused yet, at a rate so low that each step of the climb takes seconds."""
    return learned.phase is Phase.CLIMB and not learned.low and learned.rate < SLOW


def _strikes(so_far: int) -> int:
    """After a refusal since which something passed, if little: holds shrink again, but for the first two."""
    return so_far + 1 if so_far < A_FEW else max(A_FEW, so_far - 1)


def _begin_climb(learned: Learned) -> Learned:
    if learned.rate >= learned.ceiling:
        return learned
    rate = min(learned.ceiling, learned.low * (1 + learned.step))
    return msgspec.structs.replace(learned, phase=Phase.CLIMB, rate=rate, step=2 * learned.step, beyond=0.0)


def _beyond(learned: Learned, evidence: Evidence) -> float:
    """What passed in a climb beyond `low`, also while its last step was not in force everywhere."""
    more = evidence.passed - learned.low * evidence.seconds
    return learned.beyond + max(0.0, more) if learned.phase is Phase.CLIMB else learned.beyond


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
        phase=Phase.STEADY,
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
        case Phase.CLIMB:
            return known
        case Phase.TEST:
            return narrow(known)
        case _:
            return settle(known)
