"""`list`: jobs, newest first."""

from typing import Final

import click
import msgspec
from rich.console import Console
from rich.table import Table

from producers.cli.connection import open_client
from producers.cli.options import local_option, output_option
from producers.display.table import as_json, printable
from producers.local.embedded_redis import NoLocalJobsError
from producers.summary import JobSummary
from worker.core.job import State
from worker.core.outcome import SUCCEEDED
from worker.settings import load

_MIN_WIDTH: Final = 140
"""Columns of the table at least, however narrow the terminal is."""


@click.command()
@click.option("--state", type=click.Choice([str(state) for state in State]), help="Only jobs in this state.")
@output_option("table", "json", "ndjson")
@local_option
def command(state: str | None, output_format: str, local: bool) -> int:
    """List jobs, newest first.

    Example: bulk-activate list --state running
    """
    try:
        with open_client(load(credential=False), local=local) as client:
            jobs = list(client.summaries(state))
    except NoLocalJobsError as error:
        # Treated as an empty Redis: nothing to list is no error.
        click.echo(str(error), err=True)
        jobs = []
    if output_format == "json":
        as_json(jobs)
    elif output_format == "ndjson":
        for job in jobs:
            click.echo(msgspec.json.encode(job))
    else:
        _table(jobs)
    return 0


def _table(jobs: list[JobSummary]) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("job", "state", "ids", "active", "failed", "created", "api"):
        is_number = name in {"ids", "active", "failed"}
        # Only a long host is folded.
        is_folded = name == "api"
        table.add_column(
            name, no_wrap=not is_folded, overflow="fold", justify="right" if is_number else "left"
        )
    for job in jobs:
        counts = job.counts
        # Tokens that were active before count too: they are no failures.
        active = sum(counts[name] for name in SUCCEEDED)
        numbers = (f"{number:,}" for number in (counts["total"], active, counts["failed"]))
        texts = map(printable, (job.job_id, job.state))
        table.add_row(*texts, *numbers, job.created_at, printable(job.api_url or ""))
    console = Console(highlight=False)
    # Job ids are copied into the next command, so no narrow terminal may cut them.
    console.width = max(console.width, _MIN_WIDTH)
    console.print(table)
