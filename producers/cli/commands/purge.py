"""`purge`: removes a job at rest, with everything it stored."""

import click

from producers.cli.connection import open_client
from producers.cli.options import job_argument, local_option
from worker.settings import load


@click.command()
@job_argument()
@local_option
def command(job_id: str, local: bool) -> int:
    """Remove a job that rests, and everything it stored: its ids, outcomes and report.

    Write down what you need of it before: `results` and `report`.

    Example: bulk-activate purge 20261124-093000-1a2b3c4d
    """
    with open_client(load(credential=False), local=local) as client:
        client.job(job_id).purge()
    click.echo(f"job {job_id} is removed", err=True)
    return 0
