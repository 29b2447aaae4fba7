"""How large a case is run, and what its rows are made of."""

from dataclasses import dataclass
from typing import Any, Final

from tests.benchmarks.figures import Reached
from tests.limits.schedule import Schedule

Row = dict[str, Any]
"""The name of a column, and what stands there."""

STEPS: Final = Schedule.parse("200:20,20:15,200:36")
BURST: Final = 10
TOO_LONG: Final = 3.0
"""A run is ended after so many times the ideal,"""
SPARE: Final = 10.0
"""and so many seconds."""


@dataclass(frozen=True, slots=True)
class Options:
    runs: int = 5
    seconds: float = 15.0
    """Of a run at a known rate."""
    rates: tuple[int, ...] = (50, 200, 1000)
    processes: tuple[int, ...] = (1, 2, 4)
    batches: int = 1500
    """Of a run at an unknown rate."""
    latency: float = 0.02
    retry_after: str = "ceil"
    """What a 429 says where limits are low: 'none', or 'ceil' for whole seconds."""
    grace: float = 0.02
    """Seconds that a request may have been on its way when its sender's hold became known."""


def row_of(found: Reached) -> Row:
    return {
        "share": round(found.share, 4),
        "429s, share": round(found.throttled_share, 4),
        "requests": found.requests,
        "admitted": found.admitted,
    }
