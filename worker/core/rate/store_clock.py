"""When on a process's own clock something happened that the store timed on its clock."""

from collections import deque
from typing import Final

MEMORY: Final = 16
"""Round trips: a few seconds, in which clocks do not drift apart by a send time."""


class StoreClock:
    """The store's clock as seen from one process (Cristian, 'Probabilistic clock synchronization', 1989).

    An answer's moment lies between its question and its arrival; together the last of them leave little room
    for how far the clocks are apart. By one alone, an answer that a busy loop read late would move its send
    times into those of the next worker. Pure: all times are arguments, in seconds.
    """

    def __init__(self) -> None:
        self._bounds: deque[tuple[float, float]] = deque(maxlen=MEMORY)

    def moment(self, at: float, asked_at: float, read_at: float) -> float:
        """The caller's time at which the store's clock showed `at`: the middle of what is possible, by the
        last answers and this one, asked for at `asked_at` and read at `read_at`.
        """
        self._bounds.append((asked_at - at, read_at - at))
        least, most = self._room()
        if least > most:
            # One of the clocks was set, or they drifted after all.
            self._bounds = deque([self._bounds[-1]], MEMORY)
            least, most = self._room()
        return at + (least + most) / 2

    def _room(self) -> tuple[float, float]:
        """The least and the most that the caller's clock can be ahead of the store's."""
        return max(least for least, _ in self._bounds), min(most for _, most in self._bounds)
