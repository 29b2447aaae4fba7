"""The learner's state, and the evidence that moves it."""

from enum import StrEnum
from typing import Final

import msgspec

VERSION: Final = 1
"""Of the stored state, to be raised where a field's meaning changes: then the learner starts anew."""


class RatePhase(StrEnum):
    CLIMB = "climb"
    TEST = "test"
    STEADY = "steady"


class Learned(msgspec.Struct, frozen=True):
    """The state of the learner, kept in Redis: the next worker and the next job start from it.

    README.md says which rule writes which field.
    """

    phase: RatePhase
    rate: float
    """Requests per second that may be sent now."""
    ceiling: float
    """Highest rate that the settings allowed when this state was decided on, in requests per second."""
    low: float = 0.0
    """Highest rate known as allowed, in requests per second; 0 before the first 429."""
    high: float = 0.0
    """Lowest rate known as too high; 0 before the first 429."""
    wait: float = 0.0
    """Seconds of sending until the test has passed, or the next climb begins."""
    seconds: float = 0.0
    """Seconds since the last 429, its hold included; only those in which the rate was used."""
    passed: float = 0.0
    """Requests answered by something else than a 429 in `seconds`."""
    held: float = 0.0
    """Seconds of `seconds` that were a hold."""
    strikes: int = 0
    """429s in a row with hardly a request passed between them; each makes the hold longer."""
    is_low_tested: bool = False
    """Whether `low` was tested, rather than guessed from how a climb or a fall went."""
    peak: float = 0.0
    """Highest recent rate; fades within `tuning.FORGET` seconds."""
    version: int = VERSION
    """A state without one was written before there were versions, and means the same."""


class Evidence(msgspec.Struct, frozen=True):
    """What all workers have measured since the last decision."""

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
