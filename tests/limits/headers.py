"""Headers in which an API announces its rate limit, in common styles."""

from math import ceil, floor
from typing import Final

from tests.limits.limiters import Limiter


def retry_after(manner: str, wait: float) -> tuple[bytes, float]:
    """The header line of a 429 whose request may be repeated in `wait` seconds, and the seconds in it.

    `none`: no header. `true`: to the millisecond, rounded up. `ceil`: whole seconds, rounded up. Anything
    else stands in the header as it is, and tells what it says if it is a number.
    """
    if manner == "none":
        return b"", 0.0
    text = {"true": f"{ceil(wait * 1000) / 1000:.3f}", "ceil": str(ceil(wait))}.get(manner, manner)
    try:
        seconds = max(0.0, float(text))
    except ValueError:
        seconds = 0.0
    return b"Retry-After: %b\r\n" % text.encode(), seconds


def rate_limit_headers(manner: str, limiter: Limiter, now: float) -> bytes:
    """The header lines with the rest of a limit.

    `none`: nothing. `ietf`: `RateLimit-Policy` and `RateLimit`, of draft-ietf-httpapi-ratelimit-headers
    from its tenth version on. `fields`: the three `RateLimit-*` fields of its earlier ones. `x`: the same,
    with an X.
    """
    if manner == "none" or (quota := limiter.quota(now)) is None:
        return b""
    most, left = floor(quota.most), floor(quota.left)
    per, reset = ceil(quota.per), ceil(quota.reset)
    return _MANNERS[manner] % {b"most": most, b"per": per, b"left": left, b"reset": reset}


_MANNERS: Final = {
    "ietf": (
        b'RateLimit-Policy: "default";q=%(most)d;w=%(per)d\r\nRateLimit: "default";r=%(left)d;t=%(reset)d\r\n'
    ),
    "fields": (
        b"RateLimit-Limit: %(most)d\r\nRateLimit-Remaining: %(left)d\r\nRateLimit-Reset: %(reset)d\r\n"
    ),
    "x": (
        b"X-RateLimit-Limit: %(most)d\r\nX-RateLimit-Remaining: %(left)d\r\nX-RateLimit-Reset: %(reset)d\r\n"
    ),
}
