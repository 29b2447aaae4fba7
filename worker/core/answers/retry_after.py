"""Parses `Retry-After`, which the API does not document and an intermediary may add.

RFC 9110, section 10.2.3: a number of seconds, or an HTTP date in one of three forms (section 5.6.7).
"""

import math
from email.utils import mktime_tz, parsedate_tz
from functools import lru_cache
from typing import Final

LONGEST: Final = 3600.0
"""Maximum seconds. Longer times are cut to this: a mistake of the API must not stop a job for a year."""


def retry_after(value: str | None, now: float) -> float | None:
    """Seconds to hold, from 0 to `LONGEST`; None if the header is absent or unreadable.

    `now`: time in seconds since the epoch, for the form with a date.
    """
    if value is None:
        return None
    text = value.strip()
    seconds = _number(text)
    if seconds is None:
        moment = _moment(text)
        if moment is None:
            return None
        seconds = moment - now
    return min(max(seconds, 0.0), LONGEST)


def their_now(date: str | None, now: float) -> float:
    """The server's time from its `Date` header, else `now`; in seconds since the epoch.

    Dates in an answer are relative to the server's clock, from which ours may differ by hours.
    """
    since = None if date is None else _moment(date)
    return now if since is None else since


def _number(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return None if math.isnan(seconds) else seconds


@lru_cache(maxsize=16)  # Thousands of answers share a second.
def _moment(text: str) -> float | None:
    """Seconds since the epoch."""
    try:
        fields = parsedate_tz(text)
        return None if fields is None else float(mktime_tz(fields))
    except (ValueError, OverflowError, IndexError):
        return None
