"""`submit`: stores a list as a job for the workers."""

from dataclasses import asdict
from typing import Any

import click

from producers.cli.after_submit import after_submit
from producers.cli.connection import open_client
from producers.cli.options import input_options, job_options, limits_of, list_of, org_option, reading_options
from producers.display.notices import show_ends
from producers.submission.request import MAX_WEIGHT
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
    "--weight", type=click.IntRange(1, MAX_WEIGHT), default=1, show_default=True, help="Share of the rate."
)
@click.option("--watch", "watched", is_flag=True, help="Show progress until the job rests.")
def command(file: str, planned: str | None, watched: bool, **given: Any) -> int:
    """Enqueue a list of token ids; prints the job id alone.

    Example: bulk-activate submit ids.txt --org 6d4a2f0e-7a1b-4c5d-9e8f-0a1b2c3d4e5f --watch
    """
    reading = asdict(input_options(given))
    with open_client(load(credential=False)) as client:
        job = client.submit(list_of(file), plan=planned, **limits_of(given), **given, **reading)
        if not job.is_new:
            click.echo("This request was submitted before; its job:", err=True)
        elif job.survey is not None:
            show_ends(job.survey)
        return after_submit(job, watched=watched)
