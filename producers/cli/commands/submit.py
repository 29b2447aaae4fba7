"""`submit`: stores a list as a job for the workers."""

from typing import Any

import click

from producers.cli.after_submit import after_submit
from producers.cli.options import job_options, open_source, org_option, reading_options, request_of
from producers.submission.connection import open_store
from producers.submission.planned import check_plan, show_survey
from producers.submission.submit import submit
from producers.submission.tracing import submission_tracing
from worker.settings import load


@click.command()
@reading_options
@org_option
@job_options
@click.option("--request-id", metavar="KEY", help="The same key and list give the same job, never a second.")
@click.option(
    "--plan",
    "planned",
    metavar="SHA256[:READING]",
    help="Refuse the list if it differs from what `plan` saw, or is read in another way.",
)
@click.option(
    "--weight", type=click.IntRange(1, 100), default=1, show_default=True, help="Share of the rate."
)
@click.option("--watch", "watched", is_flag=True, help="Show progress until the job rests.")
def command(file: str, planned: str | None, watched: bool, **given: Any) -> int:
    """Enqueue a list of token ids; prints the job id alone.

    Example: bulk-activate submit ids.txt --org 6d4a2f0e-7a1b-4c5d-9e8f-0a1b2c3d4e5f --watch
    """
    settings = load(credential=False)
    request = request_of(given, settings.org_id)
    with (
        submission_tracing(settings) as submission_span,
        open_source(file) as source,
        open_store(settings, check=True) as store,
    ):
        if planned is not None:
            check_plan(source, request.options, planned, file)
        with submission_span(request) as traced_request:
            submission = submit(source, traced_request, store)
        if not submission.new:
            click.echo("This request was submitted before; its job:", err=True)
        elif submission.survey is not None:
            show_survey(submission.survey)
        return after_submit(
            submission, settings, store, watched=watched, traceparent=traced_request.traceparent
        )
