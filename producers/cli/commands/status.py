"""`status`: shows the report of a job, also while it runs."""

import click

from producers.cli.connection import open_client
from producers.cli.options import job_argument, local_option, output_option
from producers.display import table
from producers.display.next_step import next_command
from producers.display.watch import watch
from producers.submission.request import seconds_of
from worker.core.errors import BadInputError
from worker.core.job import exit_code
from worker.settings import load


@click.command()
@job_argument()
@local_option
@output_option("table", "json")
@click.option("--watch", "watched", is_flag=True, help="Show progress until the job rests.")
@click.option("--timeout", metavar="10m", help="End the watch after so long; the job goes on.")
def command(job_id: str, output_format: str, watched: bool, timeout: str | None, local: bool) -> int:
    """Show the report of a job.

    Example: bulk-activate status 20261124-093000-1a2b3c4d --watch
    """
    limit = seconds_of("--timeout", timeout)
    if limit is not None and not watched:
        raise BadInputError("--timeout: it ends a watch: give --watch too")
    with open_client(load(credential=False), local=local) as client:
        job = client.job(job_id)
        report = watch(job, timeout=limit) if watched else job.report()
        workers = client.live_workers()
    (table.as_json if output_format == "json" else table.as_table)(report)
    if output_format == "table":
        click.echo(f"\nNext: {next_command(report, workers=workers, where=client.where)}", err=True)
    return exit_code(report.state, report.unsuccessful()) if watched else 0
