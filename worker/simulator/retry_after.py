"""The `Retry-After` header of a 429."""

from email.utils import formatdate
from math import ceil

from worker.simulator.config import AUTO, DATE, NO_HEADER


def retry_after(choice: str, wait: float, wall: float) -> dict[str, str]:
    """The headers for a wait of `wait` seconds, according to `choice` (see `Config.retry_after`).

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
