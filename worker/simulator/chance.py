"""Reproducible randomness: each choice is a keyed hash of its subject.

A choice about an id depends on the seed and the id alone, not on the order of requests. With a random number
generator, two requests that change places would change the fate of every id.
"""

from hashlib import blake2b
from typing import Final

_RANGE: Final = 1 << 64


class Dice:
    """Uniform numbers in [0, 1), the same for the same seed, purpose and subject."""

    def __init__(self, seed: int) -> None:
        self._seeded = blake2b(str(seed).encode(), digest_size=8)

    def roll(self, purpose: str, subject: str) -> float:
        """A number for `subject`. Rolls for different purposes are independent."""
        # A copy of the seeded state is cheaper than a new keyed hash.
        state = self._seeded.copy()
        state.update(f"\n{purpose}\n{subject}".encode(errors="surrogatepass"))
        # 53 bits are what a float can hold; more could round up to 1.
        return (int.from_bytes(state.digest(), "big") >> 11) / (_RANGE >> 11)

    def pick(self, purpose: str, subject: str, count: int) -> int:
        """One of `count` positions, from 0."""
        return int(self.roll(purpose, subject) * count)
