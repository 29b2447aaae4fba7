"""When an access token is to be renewed."""

from typing import Final

MARGIN: Final = 60.0
"""Seconds before its end, at most, that a token is renewed."""


def renew_after(expires_in: float) -> float:
    """Seconds after which a token that lives for `expires_in` seconds is renewed.

    The margin shrinks with the lifetime, so that a token that lives for seconds only is neither renewed
    at every request nor used after its end.
    """
    return max(0.0, expires_in - min(MARGIN, expires_in / 3))
