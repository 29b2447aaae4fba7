"""What is said once and not at every look: what stands in Redis stays there until somebody mends it."""

from typing import Final

_MAX_KEYS: Final = 1000


class WarnOnce:
    """Remembers of what was told; of the first thousand things, so that nothing grows without bound."""

    def __init__(self) -> None:
        self._warned: set[object] = set()

    def is_first(self, key: object) -> bool:
        """Whether to tell of `key` now. After a thousand nothing is new."""
        if key in self._warned or len(self._warned) >= _MAX_KEYS:
            return False
        self._warned.add(key)
        return True

    def clear(self, key: object) -> None:
        """It is well again."""
        self._warned.discard(key)
