"""`results`: prints one row per line of the list."""

import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

import click

from producers.cli.connection import open_client
from producers.cli.options import job_argument, local_option, output_option
from producers.display.notices import warn
from producers.readable_job import ResultsFormat
from worker.core.errors import BadInputError
from worker.process.streams import ReaderGoneError, write_out
from worker.reports.files import whole_file
from worker.settings import load


@click.command()
@job_argument()
@local_option
@click.option("--outcome", metavar="LIST", help="Only these outcomes, as in failed,unknown.")
@click.option("--merged", is_flag=True, help="The latest row of each id, over the job and its retries.")
@click.option("--id", "ids", multiple=True, metavar="ID", help="Only this id; repeatable.")
@output_option("csv", "ndjson", "parquet")
@click.option("--bom", is_flag=True, help="CSV with a byte order mark, by which Excel knows UTF-8.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file.")
def command(
    job_id: str,
    outcome: str | None,
    merged: bool,
    ids: tuple[str, ...],
    local: bool,
    output_format: ResultsFormat,
    bom: bool,
    output: Path | None,
) -> int:
    """Print one row for each line of the job's list, also while it runs.

    Example: bulk-activate results 20261124-093000-1a2b3c4d --outcome failed,unknown --output failed.csv
    """
    if output_format == "parquet" and output is None and sys.stdout.isatty():
        raise BadInputError("-o parquet is no text for a terminal: name a file with --output")
    missing: frozenset[str] = frozenset()
    with open_client(load(credential=False), local=local) as client:
        rows = partial(
            client.job(job_id).write_results,
            form=output_format,
            outcomes=outcome,
            ids=ids,
            merged=merged,
            bom=bom,
        )
        if output is not None:
            with whole_file(output) as file:
                missing = rows(file.write)
        else:
            # The reader may stop early, as `head` does.
            with suppress(ReaderGoneError):
                missing = rows(write_out)
    if missing:
        warn(f"no such row in job {job_id}: {', '.join(sorted(missing))}")
    return 0
