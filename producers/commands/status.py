"""`status`: the report of a job, also while it runs."""

import click

from producers import show
from producers.connection import opened
from producers.options import job_argument, output_option, seconds_of
from producers.suggest import next_command
from producers.watch import watch
from worker.core.errors import BadInputError
from worker.core.job import exit_code
from worker.reports.status import read_report
from worker.settings import load
from worker.store.jobs import WORKERS_WITHIN_MS


@click.command()
@job_argument()
@output_option("table", "json")
@click.option("--watch", "watched", is_flag=True, help="Show progress until the job rests.")
@click.option("--timeout", metavar="10m", help="End the watch after so long; the job goes on.")
def command(job_id: str, output_format: str, watched: bool, timeout: str | None) -> int:
    """Show the report of a job.

    Example: bulk-activate status 20261124-093000-1a2b3c4d --watch
    """
    limit = seconds_of("--timeout", timeout)
    if limit is not None and not watched:
        raise BadInputError("--timeout: it ends a watch: give --watch too")
    with opened(load()) as store:
        if watched:
            report = watch(store, job_id, timeout=limit)
        else:
            store.settle_deadline(job_id)
            report = read_report(store, job_id)
        workers = store.live_workers(WORKERS_WITHIN_MS)
    (show.as_json if output_format == "json" else show.as_table)(report)
    if output_format == "table":
        click.echo(f"\nNext: {next_command(report, workers=workers)}", err=True)
    return exit_code(report.state, report.unsuccessful()) if watched else 0
