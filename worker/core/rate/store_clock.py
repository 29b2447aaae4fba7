"""Translates times of the store's clock into those of a process's own clock."""

from collections import deque
from typing import Final

MEMORY: Final = 16
"""Round trips that are remembered: a few seconds, in which clocks drift apart by less than a send time."""


class StoreClock:
    """The store's clock as seen from one process (Cristian, 'Probabilistic clock synchronization', 1989).

    The store answers at some moment between question and arrival. The last few round trips together leave
    little room for the difference of the clocks; by one alone, an answer that a busy loop read late would
    move its send times into those of the next worker. Pure: all times are arguments, in seconds.
    """

    def __init__(self) -> None:
        self._bounds: deque[tuple[float, float]] = deque(maxlen=MEMORY)

    def moment(self, at: float, asked_at: float, read_at: float) -> float:
        """The caller's time at which the store's clock showed `at`: the middle of what recent answers allow.

        This one was asked for at `asked_at` and read at `read_at`, on the caller's clock.
        """
        self._bounds.append((asked_at - at, read_at - at))
        least, most = self._room()
        if least > most:
            # One of the clocks was set, or they have drifted apart.
            self._bounds = deque([self._bounds[-1]], MEMORY)
            least, most = self._room()
        return at + (least + most) / 2

    def _room(self) -> tuple[float, float]:
        """The least and the most by which the caller's clock can be ahead of the store's."""
        return max(least for least, _ in self._bounds), min(most for _, most in self._bounds)
