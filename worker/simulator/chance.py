"""Chance that can be had again: each choice is a keyed hash of what it is about.

A choice about an id depends on the seed and the id alone, never on the order of the requests. A generator
that is drawn from would give every id another fate as soon as two requests change places.
"""

from hashlib import blake2b
from typing import Final

_RANGE: Final = 1 << 64


class Dice:
    """Numbers in [0, 1), evenly spread, the same for the same seed, purpose and subject."""

    def __init__(self, seed: int) -> None:
        self._seeded = blake2b(str(seed).encode(), digest_size=8)

    def roll(self, purpose: str, subject: str) -> float:
        """Rolls of other purposes are independent, also for the same subject."""
        # A copy of the seeded state is cheaper than a new keyed hash.
        state = self._seeded.copy()
        state.update(f"\n{purpose}\n{subject}".encode(errors="surrogatepass"))
        # 53 bits are what a float can hold; more could round up to 1.
        return (int.from_bytes(state.digest(), "big") >> 11) / (_RANGE >> 11)

    def pick(self, purpose: str, subject: str, count: int) -> int:
        """One of `count` places, from 0."""
        return int(self.roll(purpose, subject) * count)
