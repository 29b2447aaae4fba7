"""Suppresses repeated warnings: damage in Redis stays until a person repairs it."""

from typing import Final

_MAX_KEYS: Final = 1000
"""Keys remembered, so that memory stays bounded."""


class WarnOnce:
    """Remembers the keys of warnings that were logged."""

    def __init__(self) -> None:
        self._warned: set[object] = set()

    def is_first(self, key: object) -> bool:
        """Whether to log the warning of `key`: true once per key, and never again after `_MAX_KEYS` keys."""
        if key in self._warned or len(self._warned) >= _MAX_KEYS:
            return False
        self._warned.add(key)
        return True
