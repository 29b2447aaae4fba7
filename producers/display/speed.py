"""The current speed of a job, over the last seconds instead of since its start."""

from collections import deque
from typing import Final, NamedTuple

from worker.core.reporting.schema import Report

WINDOW: Final = 5.0
"""Seconds. Long enough for a rate of one request a second, short enough to show a hold."""


class CurrentSpeed(NamedTuple):
    """Requests and ids per second."""

    requests: float
    ids: float


class SpeedMeter:
    """Computes the speed from successive reports."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int, int]] = deque()

    def add(self, at: float, report: Report) -> CurrentSpeed | None:
        """Adds a report read `at` monotonic seconds. Returns None until a second report is old enough."""
        self._samples.append((at, int(report.requests["sent"]), report.settled()))
        while len(self._samples) > 2 and at - self._samples[1][0] >= WINDOW:  # noqa: PLR2004 -- one to compare with.
            self._samples.popleft()
        then, sent, settled = self._samples[0]
        if at - then < WINDOW / 5:
            return None
        _, sent_now, settled_now = self._samples[-1]
        return CurrentSpeed((sent_now - sent) / (at - then), (settled_now - settled) / (at - then))
