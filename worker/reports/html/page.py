"""Writes the report as one self-contained HTML page: no script, nothing loaded from elsewhere.

It depends on the record alone, so the same record gives the same bytes. Everything that could grow is cut, so
that it stays below `MAX_PAGE` for any list and any messages of the API. The templates lay out; what they show
is decided here, in `sections` and in `plots`.
"""

from collections.abc import Sequence
from typing import Final

from worker.core.reporting.schema import Report
from worker.reports.html import sections
from worker.reports.html.environment import environment
from worker.reports.status import ReportSnapshot
from worker.reports.verdict import verdict

MAX_PAGE: Final = 250_000
"""Bytes."""


def page(report: Report, jobs: Sequence[ReportSnapshot]) -> str:
    """The page of `report`. `jobs`: its job, or all jobs of the family if `report` is merged."""
    return (
        environment()
        .get_template("report.html")
        .render(
            report=report,
            verdict=verdict(report),
            outcomes=sections.outcomes(report),
            curves=sections.curves(jobs),
            spent=sections.time_split(report),
            requests=sections.requests(report),
            facts=sections.facts(report),
            labels=sections.labels(report),
            family=sections.family(jobs),
            history=sections.history(report),
        )
    )
