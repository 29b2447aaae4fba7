"""How long an access token lives, by what the API says, and when it is to be renewed."""

import math
from typing import Final

UNSAID: Final = 1799.0
"""Seconds that a token is taken to live where the API says nothing usable: what has been seen."""
_SHORTEST: Final = 1.0
_LONGEST: Final = 86_400.0
"""Seconds. What is said to live shorter would be exchanged at every request, longer never again (milliseconds
have been taken for seconds): neither is believed. A token that ends earlier is refused, and renewed then."""

MARGIN: Final = 60.0
"""Seconds before its end, at most, that a token is renewed."""


def lifetime_of(expires_in: object) -> float:
    """Seconds that a token lives, by the field `expires_in` of its grant, which may be anything.

    A number in a string is used. What is missing, null, no number or out of bounds says nothing.
    """
    if isinstance(expires_in, bool) or not isinstance(expires_in, int | float | str):
        return UNSAID
    try:
        seconds = float(expires_in)
    except (ValueError, OverflowError):
        return UNSAID
    return seconds if math.isfinite(seconds) and _SHORTEST <= seconds <= _LONGEST else UNSAID


def renew_after(expires_in: float) -> float:
    """Seconds after which a token that lives for `expires_in` seconds is renewed.

    The margin shrinks with the lifetime, so that a token that lives for seconds only is neither renewed
    at every request nor used after its end.
    """
    return max(0.0, expires_in - min(MARGIN, expires_in / 3))
