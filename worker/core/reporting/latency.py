"""How long answers took, as a histogram whose buckets are counted like requests."""

from bisect import bisect_left
from typing import Final

BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds: upper bounds of the buckets, each inclusive. Above them all is one more."""

BUCKETS: Final = (*(f"within_ms_{round(1000 * bound)}" for bound in BOUNDS), "within_ms_inf")
"""The counter of each bucket, not summed with those below it."""


def bucket_of(seconds: float) -> str:
    """The name of the counter for an answer that took so long."""
    return BUCKETS[bisect_left(BOUNDS, seconds)]
