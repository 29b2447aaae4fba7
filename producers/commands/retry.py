"""`retry`: a child job of the ids that did not succeed."""

from typing import Any

import click

from producers.connection import opened
from producers.jobs import Request
from producers.options import job_argument, job_options, limits_of
from producers.retry import retry, retryable
from producers.started import started
from producers.traced import traces
from worker.reports.results import parse_outcomes
from worker.settings import load


@click.command()
@job_argument()
@click.option("--outcome", metavar="LIST", help="Only these; default: failed,unknown,not_attempted.")
@job_options
@click.option("--watch", "watched", is_flag=True, help="Show progress until the job rests.")
def command(job_id: str, outcome: str | None, watched: bool, **given: Any) -> int:
    """Make a child job of the ids of a job that did not succeed; prints its id alone.

    The job must rest. `results --merged` and `report --merged` then tell what became of each id at last.

    Example: bulk-activate retry 20261124-093000-1a2b3c4d --outcome unknown,not_attempted
    """
    settings = load()
    outcomes = retryable(parse_outcomes(outcome))
    # The organization is the parent's.
    request = Request(org_id="", **limits_of(given))
    with traces(settings) as submitting, opened(settings, check=True) as store:
        with submitting(request) as traced:
            child = retry(store, job_id, traced, outcomes)
        return started(child, settings, store, watched=watched, traceparent=traced.traceparent)
