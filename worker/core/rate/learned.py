"""The learner's state, and the evidence that moves it."""

from enum import StrEnum

import msgspec


class RatePhase(StrEnum):
    CLIMB = "climb"
    TEST = "test"
    STEADY = "steady"


class Learned(msgspec.Struct, frozen=True):
    """The state of the learner, kept in Redis: the next worker and the next job start from it."""

    phase: RatePhase
    rate: float
    """Requests per second that may be sent now."""
    ceiling: float
    """Highest rate that the settings allowed when this state was decided on, in requests per second."""
    low: float = 0.0
    """Highest rate known as allowed, in requests per second; 0 before the first 429."""
    high: float = 0.0
    """Lowest rate known as too high; 0 before the first 429."""
    step: float = 0.0
    """Increase by the next step of a climb, as a share of the rate."""
    wait: float = 0.0
    """Seconds of sending until the test has passed, or the next climb begins."""
    seconds: float = 0.0
    """Seconds since the last 429, its hold included; only those in which the rate was used."""
    passed: float = 0.0
    """Requests answered by something else than a 429 in `seconds`."""
    held: float = 0.0
    """How many of `seconds` were a hold."""
    passed_above_low: float = 0.0
    """Requests that passed in this climb beyond what `low` allows for: a burst may explain so many."""
    strikes: int = 0
    """429s in a row with hardly a request passed between them; each makes the hold longer."""
    price: float = 0.0
    """Seconds that should lie between two 429s, by what the last one cost in holds and requests."""
    age: float = 0.0
    """Seconds since the limit last changed markedly. The older the knowledge, the rarer the climbs."""
    held_before: float = 0.0
    """Seconds held after the 429 before the last: the last hold may still be in force."""
    test_seconds: float = 0.0
    """Seconds that the present test has lasted."""
    test_passed: float = 0.0
    """Requests that passed in `test_seconds`."""
    is_low_tested: bool = False
    """Whether `low` was tested, rather than guessed from how a climb or a fall went."""
    by_hand: bool = False
    """Whether `ceiling` was set by a person, rather than by the bounds of learning."""
    chance_throttles: int = 0
    """Recent 429s that were taken for chance."""
    peak: float = 0.0
    """Highest recent rate; fades within `learning.FORGET` seconds."""


class Evidence(msgspec.Struct, frozen=True):
    """What all workers saw since the last decision."""

    seconds: float
    """Seconds of sending, holds not counted."""
    passed: int
    """Answers that were no 429."""
    throttled: int = 0
    latency: float = 0.0
    """Mean seconds to an answer."""
    late: int = 0
    """Answers other than 429 to requests sent before the last 429 was known. They show that something passed
    then, but say nothing of the rate since."""
