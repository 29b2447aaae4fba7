"""How long to wait before the next try: exponential, clamped, with full-range jitter added.

Jitter is added and never subtracted, so that a wait is never shorter than was asked for; the scheme is
'exponential backoff and jitter' (M. Brooker, AWS Architecture Blog, 2015) with its lower half kept.
"""

from typing import Final

HOLD_BASE: Final = 0.05
"""Seconds held after a first 429 without `Retry-After`. Short, since the rate is lowered as well."""
HOLD_CAP: Final = 60.0
"""Seconds that our own backoff after 429s never exceeds, but for its jitter."""

_MAX_EXPONENT: Final = 32
"""2**32 times any base is past every cap; a larger exponent could overflow a float."""


def backoff(attempt: int, *, base: float, cap: float, roll: float) -> float:
    """Seconds to wait after failed attempt number `attempt` (the first is 1).

    `roll` in [0, 1) is the caller's chance. The result lies in [w, 1.5 w), where w doubles with each
    attempt from `base` and stops at `cap`.
    """
    wait = min(cap, base * 2.0 ** min(attempt - 1, _MAX_EXPONENT))
    return wait * (1.0 + 0.5 * roll)


def hold_for(asked: float | None, strikes: int, roll: float) -> float:
    """Seconds that all workers stop sending after a 429.

    They are what the API `asked` for, but at least a backoff that grows with each 429 in a row. `strikes`
    counts the 429s in a row before this one, with hardly a request passed after each; they outweigh an API
    that asks for 0 seconds each time. `roll` in [0, 1) is the caller's chance. Jitter is only added: a
    shorter hold would disobey the API, and a fleet that comes back within a millisecond would be a burst.
    """
    own = backoff(strikes + 1, base=HOLD_BASE, cap=HOLD_CAP, roll=roll)
    return own if asked is None else max(own, asked + min(0.1, 0.05 * asked) * roll)
