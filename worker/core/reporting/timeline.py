"""What a job did over time, as `commit.lua` notes it: at most 256 buckets from the job's start on.

Neighbours merge and buckets double whenever the job outgrows them, so a bucket is a second long at least.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

FIRST_WIDTH: Final = 1.0
"""Seconds of a bucket before any doubling."""


class Bucket(NamedTuple):
    sent: int = 0
    settled: int = 0
    throttled: int = 0
    held: float = 0.0
    """Seconds of the holds that its 429s began, added up over those 429s."""
    rates: float = 0.0
    """The allowed requests per second at each request that was sent, added up over them."""

    def allowed(self) -> float | None:
        """The rate that the organization was allowed, as an average over the requests; None without any."""
        return self.rates / self.sent if self.sent and self.rates else None


@dataclass(frozen=True, slots=True)
class Timeline:
    width: float
    """Seconds of a bucket."""
    buckets: Sequence[Bucket]
    """From the job's start on, without a gap; empty where nothing was sent."""

    def holds(self) -> list[tuple[float, float]]:
        """(from, to) in seconds since the start: when sending was held, as far as a bucket can tell."""
        found: list[tuple[float, float]] = []
        for position, bucket in enumerate(self.buckets):
            if not (bucket.throttled and bucket.held):
                continue
            start = position * self.width
            # Requests in flight together are refused together: each names the same hold.
            end = start + max(bucket.held / bucket.throttled, self.width)
            if found and start <= found[-1][1]:
                found[-1] = (found[-1][0], max(found[-1][1], end))
            else:
                found.append((start, end))
        return found


def read_timeline(raw: Mapping[str, str]) -> Timeline:
    """The job's stored timeline. Values that a later version adds to a bucket are left out."""
    width = int(raw.get("width_ms", 1000 * FIRST_WIDTH)) / 1000
    stored = {int(name): _bucket(value) for name, value in raw.items() if name.isdigit()}
    positions = range(max(stored) + 1) if stored else range(0)
    return Timeline(width, [stored.get(position, Bucket()) for position in positions])


def _bucket(value: str) -> Bucket:
    # A job of an earlier version has no rates.
    sent, settled, throttled, held_ms, rates = (*map(float, value.split()), 0.0)[:5]
    return Bucket(int(sent), int(settled), int(throttled), held_ms / 1000, rates)
