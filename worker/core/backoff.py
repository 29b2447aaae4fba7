"""How long to wait before the next try: exponential, clamped, with full-range jitter added.

Jitter is added and never subtracted, so that a wait is never shorter than was asked for; the scheme is
'exponential backoff and jitter' (M. Brooker, AWS Architecture Blog, 2015) with its lower half kept.
"""

from typing import Final

_MAX_EXPONENT: Final = 32
"""2**32 times any base is past every cap; a larger exponent could overflow a float."""


def backoff(attempt: int, *, base: float, cap: float, roll: float) -> float:
    """Seconds to wait after failed attempt number `attempt` (the first is 1).

    `roll` in [0, 1) is the caller's chance. The result lies in [w, 1.5 w), where w doubles with each
    attempt from `base` and stops at `cap`.
    """
    wait = min(cap, base * 2.0 ** min(attempt - 1, _MAX_EXPONENT))
    return wait * (1.0 + 0.5 * roll)
