"""The speed of jobs that somebody looks at."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from producers.display.speed import CurrentSpeed, SpeedMeter
from worker.core.reporting.schema import Report
from worker.core.reporting.timeline import Timeline

_MAX_METERS: Final = 1000
"""Jobs whose speed is known."""
_STALE: Final = 60.0
"""Seconds after which an earlier look says nothing about now."""


class Speeds:
    """A meter for each job that was looked at lately; threads may share it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._meters: OrderedDict[str, tuple[float, SpeedMeter]] = OrderedDict()

    def of(self, report: Report, timeline: Timeline) -> CurrentSpeed | None:
        """The speed since an earlier look; at the first one, that of the last whole bucket of `timeline`."""
        now = self._clock()
        with self._lock:
            seen_at, meter = self._meters.pop(report.job_id, (now, SpeedMeter()))
            if now - seen_at > _STALE:
                meter = SpeedMeter()
            self._meters[report.job_id] = now, meter
            if len(self._meters) > _MAX_METERS:
                self._meters.popitem(last=False)
            speed = meter.add(now, report)
        return speed or _last_of(timeline)


def _last_of(timeline: Timeline) -> CurrentSpeed | None:
    whole = timeline.buckets[:-1]
    if not whole:
        return None
    return CurrentSpeed(whole[-1].sent / timeline.width, whole[-1].settled / timeline.width)
