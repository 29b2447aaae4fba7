"""`status`: shows the report of a job, also while it runs."""

import click

from producers.cli.connection import open_local_or_shared
from producers.cli.options import job_argument, local_option, output_option, seconds_of
from producers.display import table
from producers.display.next_step import next_command
from producers.display.watch import watch
from worker.core.errors import BadInputError
from worker.core.job import AT_REST, State, exit_code
from worker.reports.status import read_report
from worker.settings import load
from worker.store.job_reader import WORKERS_WITHIN_MS
from worker.store.jobs import JobStore


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
    with open_local_or_shared(load(credential=False), local=local) as store:
        if watched:
            _require_worker(store, job_id)
            report = watch(store, job_id, timeout=limit)
        else:
            store.expire_if_due(job_id)
            report = read_report(store, job_id)
        workers = store.live_workers(WORKERS_WITHIN_MS)
    (table.as_json if output_format == "json" else table.as_table)(report)
    if output_format == "table":
        click.echo(f"\nNext: {next_command(report, workers=workers, where=store.where)}", err=True)
    return exit_code(report.state, report.unsuccessful()) if watched else 0


def _require_worker(store: JobStore, job_id: str) -> None:
    """Raises `BadInputError` for a job that no worker serves: watching it would never end."""
    if store.where.at_work:
        return
    store.expire_if_due(job_id)
    state = read_report(store, job_id).state
    if state not in AT_REST and state is not State.PAUSED:
        raise BadInputError(
            f"--watch: no run is at work on job {job_id}, which stays {state}:"
            f" `bulk-activate run --resume {job_id}` goes on with it"
        )
