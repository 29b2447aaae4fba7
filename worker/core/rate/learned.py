"""What is known of the rate that the API allows, and what was heard since."""

from enum import StrEnum

import msgspec


class RatePhase(StrEnum):
    CLIMB = "climb"
    TEST = "test"
    STEADY = "steady"


class Learned(msgspec.Struct, frozen=True):
    """What is known by now. It lies in Redis, so that the next worker and the next job start from it."""

    phase: RatePhase
    rate: float
    """Requests per second that may be sent now."""
    ceiling: float
    """The most that the settings allowed when this was decided."""
    low: float = 0.0
    """Allowed for a while without a refusal; 0 as long as nothing was refused."""
    high: float = 0.0
    """Refused since; 0 likewise."""
    step: float = 0.0
    """Of the next climb, as a share of the rate."""
    wait: float = 0.0
    """Seconds of sending until the test has passed, or the next climb begins."""
    seconds: float = 0.0
    """Since the last refusal, hold included; only those in which the rate was used."""
    passed: float = 0.0
    """Requests let through in `seconds`."""
    held: float = 0.0
    """Seconds of `seconds` that were held."""
    passed_above_low: float = 0.0
    """Requests let through in this climb beyond what `low` would have sent: what a burst may explain."""
    strikes: int = 0
    """Refusals in a row with hardly anything let through between them."""
    price: float = 0.0
    """Seconds that should lie between two refusals, by what the last one cost."""
    age: float = 0.0
    """Seconds since the limit last moved markedly."""
    held_before: float = 0.0
    """Seconds held at the refusal before: the last one may go on still."""
    test_seconds: float = 0.0
    """Of sending at `rate`, while it is tested."""
    test_passed: float = 0.0
    """Requests let through in these."""
    is_low_tested: bool = False
    """Whether `low` was tested, and not only guessed from how a climb or a fall went."""
    by_hand: bool = False
    """Whether a person set `ceiling`, and not the bounds of learning."""
    chance_throttles: int = 0
    """Refusals of late that were taken for chance."""
    peak: float = 0.0
    """The highest rate of late."""


class Evidence(msgspec.Struct, frozen=True):
    """What was heard since the last decision."""

    seconds: float
    """Not counting holds."""
    passed: int
    """Answers that were no 429."""
    throttled: int = 0
    latency: float = 0.0
    """Mean seconds to an answer."""
    late: int = 0
    """Answers that were no 429 to requests sent before the last refusal was known: something passed then,
    though it says nothing of the rate since."""
