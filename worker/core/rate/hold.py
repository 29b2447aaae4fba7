"""How long nobody sends after a 429."""

from typing import Final

from worker.core.backoff import backoff

BASE: Final = 0.05
"""Seconds held after a first 429 that does not say how long. Short, since the rate is lowered besides."""
CAP: Final = 60.0


def hold_for(asked: float | None, strikes: int, roll: float) -> float:
    """Seconds to hold: what was `asked` for, at least a wait that grows with each refusal in a row.

    `strikes` counts those before this one that hardly anything passed after: an API that says 0 each time is
    not believed for ever. Jitter is only ever added: a hold shorter than was asked for would be a breach,
    and a fleet that returns in one millisecond a burst.
    """
    own = backoff(strikes + 1, base=BASE, cap=CAP, roll=roll)
    return own if asked is None else max(own, asked + min(0.1, 0.05 * asked) * roll)
