"""What a 429 says about when to come again."""

from email.utils import formatdate
from math import ceil

from worker.simulator.config import AUTO, DATE, NO_HEADER


def retry_after(choice: str, wait: float, wall: float) -> dict[str, str]:
    """The headers for `wait` seconds until the next slot, by the configured choice (see `Config`).

    `wall` is seconds since the epoch.
    """
    seconds = max(1, ceil(wait))
    if choice == NO_HEADER:
        return {}
    if choice == AUTO:
        return {"Retry-After": str(seconds)}
    if choice == DATE:
        return {"Retry-After": formatdate(wall + seconds, usegmt=True)}
    return {"Retry-After": choice}
