"""Slows down who tries keys, so that nobody else is slowed down."""

import time
from typing import Final

import structlog

from producers.web.limits import Limits

_TOLD_EVERY: Final = 10.0
"""Seconds between two log lines about them, however many come."""

_log = structlog.get_logger(__name__)


class Refusals:
    """A bucket of so many refusals as are answered at once, which fills by as many a second."""

    def __init__(self, limits: Limits) -> None:
        self._at_once: Final = limits.refusals
        self._delay: Final = limits.refusal_delay
        self._left = float(limits.refusals)
        self._filled_at = time.monotonic()
        self._untold = 0
        self._told_at = float("-inf")

    def delay(self) -> float:
        """Seconds until the next refusal is answered."""
        now = time.monotonic()
        self._left = min(self._at_once, self._left + (now - self._filled_at) * self._at_once)
        self._filled_at = now
        if self._left < 1:
            return self._delay
        self._left -= 1
        return 0.0

    def tell(self) -> None:
        """Logs one; of many, their number now and then."""
        self._untold += 1
        if (now := time.monotonic()) - self._told_at >= _TOLD_EVERY:
            _log.warning("requests without a key that holds were refused", count=self._untold)
            self._untold, self._told_at = 0, now
