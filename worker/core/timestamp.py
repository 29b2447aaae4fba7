"""Times as the public interface writes them."""

from datetime import UTC, datetime
from functools import lru_cache


def timestamp(ms: float | None) -> str | None:
    """Milliseconds since the epoch as `2026-11-23T22:00:00.000Z`."""
    if ms is None:
        return None
    # Whole milliseconds first: a fraction that rounds the seconds up would leave .999 behind.
    seconds, thousandths = divmod(int(ms), 1000)
    return f"{_second(seconds)}.{thousandths:03d}Z"


@lru_cache(maxsize=1024)
def _second(seconds: int) -> str:
    """Since the epoch, as `2026-11-23T22:00:00`. Kept: many rows of a list fall into one."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"
