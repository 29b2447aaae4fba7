"""`retry`: submits a child job of the ids that did not succeed."""

from typing import Any

import click

from producers.cli.after_submit import after_submit
from producers.cli.options import job_argument, job_options, limits_of
from producers.submission.connection import open_store
from producers.submission.retry import retry, retryable
from producers.submission.submit import JobRequest
from producers.submission.tracing import submission_tracing
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
    settings = load(credential=False)
    outcomes = retryable(parse_outcomes(outcome))
    # `retry` takes the organization from the parent.
    request = JobRequest(org_id="", **limits_of(given))
    with submission_tracing(settings) as submission_span, open_store(settings, check=True) as store:
        with submission_span(request) as traced_request:
            child = retry(store, job_id, traced_request, outcomes)
        return after_submit(child, settings, store, watched=watched, traceparent=traced_request.traceparent)
