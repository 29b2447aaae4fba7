"""What is said once and not at every look: what stands in Redis stays there until somebody mends it."""

from typing import Final

_MOST: Final = 1000


class Once:
    """Remembers of what was told; of the first thousand things, so that nothing grows without bound."""

    def __init__(self) -> None:
        self._told: set[object] = set()

    def is_new(self, thing: object) -> bool:
        """Whether to tell of `thing` now. After a thousand nothing is new."""
        if thing in self._told or len(self._told) >= _MOST:
            return False
        self._told.add(thing)
        return True

    def forget(self, thing: object) -> None:
        """It is well again."""
        self._told.discard(thing)
