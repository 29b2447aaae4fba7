"""Buckets of the latency histogram; each has a counter in the store, as requests have."""

from bisect import bisect_left
from typing import Final

BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Inclusive upper bounds of the buckets in seconds; one more bucket lies above them."""

BUCKETS: Final = (*(f"within_ms_{round(1000 * bound)}" for bound in BOUNDS), "within_ms_inf")
"""Name of the counter of each bucket. Counters are not cumulative."""


def bucket_of(seconds: float) -> str:
    """Name of the counter for an answer after `seconds`."""
    return BUCKETS[bisect_left(BOUNDS, seconds)]
