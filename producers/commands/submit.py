"""`submit`: a list becomes a job for the workers."""

from typing import Any

import click

from producers.connection import opened
from producers.jobs import submit
from producers.options import job_options, open_source, org_option, reading_options, request_of
from producers.started import started
from producers.traced import traces
from worker.core.errors import BadInputError
from worker.settings import load


@click.command()
@reading_options
@org_option
@job_options
@click.option("--request-id", metavar="KEY", help="The same key and list give the same job, never a second.")
@click.option("--plan", "plan_sha256", metavar="SHA256", help="Refuse the list if its sha256 differs.")
@click.option(
    "--weight", type=click.IntRange(1, 100), default=1, show_default=True, help="Share of the rate."
)
@click.option("--watch", "watched", is_flag=True, help="Show progress until the job rests.")
def command(file: str, plan_sha256: str | None, watched: bool, **given: Any) -> int:
    """Enqueue a list of token ids; prints the job id alone.

    Example: bulk-activate submit ids.txt --org 6d4a2f0e-7a1b-4c5d-9e8f-0a1b2c3d4e5f --watch
    """
    settings = load()
    request = request_of(given, settings.org_id)
    with traces(settings) as submitting, open_source(file) as source, opened(settings, check=True) as store:
        if plan_sha256 is not None and plan_sha256.lower() != source.sha256:
            raise BadInputError(
                f"--plan: the list's sha256 is {source.sha256}, not {plan_sha256}: it is another list, or was"
                f" changed since; look at it with `bulk-activate plan {file}`"
            )
        with submitting(request) as traced:
            submitted = submit(source, traced, store)
        if not submitted.new:
            click.echo("This request was submitted before; its job:", err=True)
        return started(submitted, settings, store, watched=watched, traceparent=traced.traceparent)
