"""`retry`: submits a child job of the ids that did not succeed."""

from typing import Any

import click

from producers.cli.after_submit import after_submit
from producers.cli.connection import open_client
from producers.cli.options import job_argument, job_options, limits_of
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
    with open_client(load(credential=False)) as client:
        return after_submit(client.job(job_id).retry(outcome, **limits_of(given)), watched=watched)
