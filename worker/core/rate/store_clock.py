"""When on a process's own clock something happened that the store timed on its clock."""

from collections import deque
from typing import Final

MEMORY: Final = 16
"""Round trips. A few seconds: clocks do not drift apart by a send time meanwhile, and one that was set is
believed soon."""


class StoreClock:
    """The store's clock as seen from one process (Cristian, 'Probabilistic clock synchronization', 1989).

    An answer's time lies between the question and its arrival; the quickest of the last answers tells best
    how far the clocks are apart. Without that, an answer read late by a busy loop would move its send times
    into those of the next worker. Pure: all times are arguments, in seconds.
    """

    def __init__(self) -> None:
        self._apart: deque[float] = deque(maxlen=MEMORY)

    def moment(self, at: float, asked: float, heard: float) -> float:
        """The caller's time at which the store's clock showed `at`, by an answer asked for at `asked` and
        read at `heard`: rather late by the quickest way of an answer than early.
        """
        self._apart.append(heard - at)
        return max(asked, at + min(self._apart))
