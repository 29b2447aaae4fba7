"""How long all workers stop sending after a 429."""

from typing import Final

from worker.core.backoff import backoff

BASE: Final = 0.05
"""Seconds held after a first 429 without `Retry-After`. Short, since the rate is lowered as well."""
CAP: Final = 60.0


def hold_for(asked: float | None, strikes: int, roll: float) -> float:
    """Seconds to hold: what the API `asked` for, but at least a backoff that grows with each 429 in a row.

    `strikes`: 429s in a row before this one, with hardly a request passed after each; they outweigh an API
    that asks for 0 seconds each time. `roll` in [0, 1) is the caller's chance. Jitter is only added: a
    shorter hold would disobey the API, and a fleet that comes back within a millisecond would be a burst.
    """
    own = backoff(strikes + 1, base=BASE, cap=CAP, roll=roll)
    return own if asked is None else max(own, asked + min(0.1, 0.05 * asked) * roll)
