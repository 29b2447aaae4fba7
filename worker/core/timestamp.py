"""Timestamps in the format of the public interface."""

from datetime import UTC, datetime
from functools import lru_cache


def timestamp(ms: float | None) -> str | None:
    """Formats milliseconds since the epoch, as in `2026-11-23T22:00:00.000Z`."""
    if ms is None:
        return None
    # Cut to whole milliseconds first, so that seconds and milliseconds are not rounded separately.
    seconds, thousandths = divmod(int(ms), 1000)
    return f"{_second(seconds)}.{thousandths:03d}Z"


@lru_cache(maxsize=1024)
def _second(seconds: int) -> str:
    """Formats seconds since the epoch, without a fraction. Cached, since many rows share a second."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"
