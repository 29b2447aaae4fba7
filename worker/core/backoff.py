"""Exponential backoff, capped, with jitter.

After 'Exponential Backoff And Jitter' (M. Brooker, AWS Architecture Blog, 2015), but jitter is only added,
never subtracted, so that a wait is never shorter than requested.
"""

from typing import Final

HOLD_BASE: Final = 0.05
"""Hold in seconds after a first 429 without `Retry-After`. Short, since the rate is lowered as well."""
HOLD_CAP: Final = 60.0
"""Maximum hold in seconds, before jitter, unless the API asks for a longer one."""

_MAX_EXPONENT: Final = 32
"""2**32 times any base exceeds every cap; a larger exponent could overflow a float."""


def backoff(attempt: int, *, base: float, cap: float, roll: float) -> float:
    """Seconds to wait after failed attempt number `attempt` (the first is 1).

    `roll`: random number in [0, 1). The result lies in [w, 1.5 w), where w starts at `base`, doubles with
    each attempt, and is at most `cap` (seconds).
    """
    wait = min(cap, base * 2.0 ** min(attempt - 1, _MAX_EXPONENT))
    return wait * (1.0 + 0.5 * roll)


def hold_for(asked: float | None, strikes: int, roll: float) -> float:
    """Seconds that all workers stop sending after a 429.

    `asked`: seconds that the API asks for, or None. The hold is never shorter than that, nor than a backoff
    that grows with `strikes`, the number of 429s in a row before this one, so that an API that always asks
    for 0 seconds is not flooded. `roll`: random number in [0, 1), for jitter, which spreads the return of the
    workers.
    """
    own = backoff(strikes + 1, base=HOLD_BASE, cap=HOLD_CAP, roll=roll)
    return own if asked is None else max(own, asked + min(0.1, 0.05 * asked) * roll)
