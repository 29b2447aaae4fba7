"""How fast a job goes now: over the last seconds, not since its start."""

from collections import deque
from typing import Final, NamedTuple

from worker.core.report import Report

WINDOW: Final = 5.0
"""Seconds. Long enough for a rate of one request a second, short enough to show a hold."""


class CurrentSpeed(NamedTuple):
    requests: float
    ids: float
    """Both per second."""


class SpeedMeter:
    """Fed with each look at the job; `at` is any clock that only goes on, in seconds."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int, int]] = deque()

    def add(self, at: float, report: Report) -> CurrentSpeed | None:
        """None until there is something to compare with."""
        self._samples.append((at, int(report.requests["sent"]), report.settled()))
        while len(self._samples) > 2 and at - self._samples[1][0] >= WINDOW:  # noqa: PLR2004 -- one to compare with.
            self._samples.popleft()
        then, sent, settled = self._samples[0]
        if at - then < WINDOW / 5:
            return None
        _, sent_now, settled_now = self._samples[-1]
        return CurrentSpeed((sent_now - sent) / (at - then), (settled_now - settled) / (at - then))
