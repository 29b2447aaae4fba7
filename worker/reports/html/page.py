"""Writes the report as one self-contained HTML page: no script, nothing loaded from elsewhere.

It depends on the record alone, so the same record gives the same bytes. Everything that could grow is cut, so
that it stays below `MAX_PAGE` for any list and any messages of the API.
"""

from collections.abc import Sequence
from importlib.resources import files
from typing import Final

from worker.core.reporting.schema import Report
from worker.reports.html import page_numbers, page_story
from worker.reports.html.markup import text
from worker.reports.status import ReportSnapshot
from worker.reports.verdict import verdict

MAX_PAGE: Final = 300_000
"""Bytes."""


def page(report: Report, jobs: Sequence[ReportSnapshot]) -> str:
    """The page of `report`. `jobs`: its job, or all jobs of the family if `report` is merged."""
    title = f"Activation report, job {report.job_id}"
    style = files(__package__).joinpath("page.css").read_text()
    head = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{text(title)}</title>\n<style>\n{style}</style></head>\n<body><main>"
    )
    parts = (
        f'<header><h1>{text(title)}</h1><p class="verdict">{text(verdict(report), 400)}</p>',
        f"{_balance(report)}</header>",
        *page_numbers.ids(report),
        *page_numbers.failures(report),
        *page_story.over_time_of(jobs),
        *page_numbers.time_split(report),
        *page_numbers.requests(report),
        *page_story.request_facts(report),
        *page_story.family(jobs),
        *page_story.history(report),
        "</main></body></html>\n",
    )
    return "\n".join([head, *parts])


def _balance(report: Report) -> str:
    if report.balanced:
        return '<p class="quiet">The counters balance: every id of the list has exactly one outcome.</p>'
    return (
        '<p class="warning">The counters do not sum to the total: do not rely on this page before'
        " <code>bulk-activate verify</code> says what is wrong.</p>"
    )
