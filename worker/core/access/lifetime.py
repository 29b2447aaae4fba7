"""Lifetime of an access token as stated by the API, and the time of its renewal."""

import math
from typing import Final

ASSUMED_LIFETIME: Final = 1799.0
"""Assumed lifetime in seconds if the API states none that is usable: the one observed."""
_SHORTEST: Final = 1.0
_LONGEST: Final = 86_400.0
"""Bounds in seconds of a stated lifetime; others are ignored. A shorter one would mean an exchange for every
request, a longer one no renewal at all (milliseconds in place of seconds). A token that expires earlier than
assumed is rejected by the API, and renewed then."""

MARGIN: Final = 60.0
"""Maximum seconds between the renewal of a token and its expiry."""


def lifetime_of(expires_in: object) -> float:
    """Lifetime in seconds from the field `expires_in` of a grant: a number, or a string that is one.

    `ASSUMED_LIFETIME` if the field is missing, null, no number or out of bounds.
    """
    if isinstance(expires_in, bool) or not isinstance(expires_in, int | float | str):
        return ASSUMED_LIFETIME
    try:
        seconds = float(expires_in)
    except (ValueError, OverflowError):
        return ASSUMED_LIFETIME
    return seconds if math.isfinite(seconds) and _SHORTEST <= seconds <= _LONGEST else ASSUMED_LIFETIME


def renew_after(expires_in: float) -> float:
    """Age in seconds at which a token with a lifetime of `expires_in` seconds is renewed.

    The margin is at most a third of the lifetime, so that a token that lives for a few seconds is neither
    renewed for every request nor used after its expiry.
    """
    return max(0.0, expires_in - min(MARGIN, expires_in / 3))
