"""The speed of a job that somebody looks at."""

from typing import Any

from producers.display.speed import CurrentSpeed
from producers.web.page.speed import Speeds
from tests.core.stored import T0
from tests.reports.pages import report, timeline
from worker.core.reporting.schema import Report


def running(sent: int, settled: int, **fields: Any) -> Report:
    counts: dict[str, Any] = {"total": 1000, "n_activated": settled, "n_pending": 1000 - settled}
    return report(state="running", active_since=T0, r_sent=sent, **counts, **fields)


def test_the_speed_is_that_since_an_earlier_look() -> None:
    now = 0.0
    speeds, buckets = Speeds(lambda: now), timeline(3, "4 60 0 0")
    # At the first look there is the timeline alone, whose last bucket is not whole.
    assert speeds.of(running(10, 150), buckets) == CurrentSpeed(4.0, 60.0)
    assert speeds.of(running(10, 150, id="20261123-220000-0000000b"), timeline(1)) is None
    now = 2.0
    assert speeds.of(running(16, 240), buckets) == CurrentSpeed(3.0, 45.0)
    # What was seen long ago says nothing about now.
    now = 100.0
    assert speeds.of(running(17, 255), buckets) == CurrentSpeed(4.0, 60.0)
