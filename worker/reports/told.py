"""A job as a page tells of it."""

from typing import NamedTuple

from worker.core.report import Report
from worker.core.timeline import Timeline


class Told(NamedTuple):
    report: Report
    timeline: Timeline
