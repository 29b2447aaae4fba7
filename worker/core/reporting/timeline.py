"""Reads a job's timeline, recorded by `commit.lua`: at most 256 buckets of equal width since the job's start.

When a job outgrows them, neighbours are merged and the width doubles. It starts at one second.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

FIRST_WIDTH: Final = 1.0
"""Initial width of a bucket in seconds."""


class Bucket(NamedTuple):
    sent: int = 0
    settled: int = 0
    throttled: int = 0
    held: float = 0.0
    """Sum over the 429s of the seconds of the hold that each caused."""
    rates: float = 0.0
    """Sum over the requests sent of the rate allowed at that time, in requests per second."""

    def allowed(self) -> float | None:
        """Mean allowed rate over the requests sent, in requests per second; None without requests."""
        return self.rates / self.sent if self.sent and self.rates else None


@dataclass(frozen=True, slots=True)
class Timeline:
    width: float
    """Width of a bucket in seconds."""
    buckets: Sequence[Bucket]
    """Buckets since the job's start without gaps; empty if nothing was sent."""

    def holds(self) -> list[tuple[float, float]]:
        """Periods in which sending was held: (start, end) in seconds since the job's start, by bucket."""
        found: list[tuple[float, float]] = []
        for position, bucket in enumerate(self.buckets):
            if not (bucket.throttled and bucket.held):
                continue
            start = position * self.width
            # Requests in flight at the same time are throttled together, and each records the same hold.
            end = start + max(bucket.held / bucket.throttled, self.width)
            if found and start <= found[-1][1]:
                found[-1] = (found[-1][0], max(found[-1][1], end))
            else:
                found.append((start, end))
        return found


def read_timeline(raw: Mapping[str, str]) -> Timeline:
    """Parses a stored timeline. Values that later versions add to a bucket are ignored."""
    width = int(raw.get("width_ms", 1000 * FIRST_WIDTH)) / 1000
    stored = {int(name): _bucket(value) for name, value in raw.items() if name.isdigit()}
    positions = range(max(stored) + 1) if stored else range(0)
    return Timeline(width, [stored.get(position, Bucket()) for position in positions])


def _bucket(value: str) -> Bucket:
    # Jobs of earlier versions have no rates.
    sent, settled, throttled, held_ms, rates = (*map(float, value.split()), 0.0)[:5]
    return Bucket(int(sent), int(settled), int(throttled), held_ms / 1000, rates)
