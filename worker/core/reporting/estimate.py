"""Estimates the duration of a job before anything is sent: a range, since the API's rate limit is unknown."""

import math
from typing import Final, NamedTuple

from worker.core.batches.batch import MAX_BATCH

_EXTRA: Final = 0.25
"""Share of the time that retries, splits and holds may add at a rate that the API allows."""

_START: Final = 15.0
"""Seconds that starting workers, the first access token and the last answers may take."""


class Seconds(NamedTuple):
    low: float
    high: float


def requests_for(ids: int) -> int:
    """Requests for `ids` unique ids, without retries and splits."""
    return math.ceil(ids / MAX_BATCH)


def expected_seconds(requests: int, slowest: float, fastest: float) -> Seconds:
    """Seconds from the first request to the last answer, at `slowest` to `fastest` requests per second.

    The low end assumes that every slot is used and every request succeeds. Neither end includes the holds of
    an API that allows less than `slowest`.
    """
    if not requests:
        return Seconds(0.0, 0.0)
    return Seconds(requests / fastest, requests / slowest * (1 + _EXTRA) + _START)
