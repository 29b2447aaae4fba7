"""`results`: prints one row per line of the list."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

import click

from producers.cli.connection import open_local_or_shared
from producers.cli.options import job_argument, local_option, output_option
from worker.core.errors import BadInputError
from worker.core.reporting.rows import RowSpan
from worker.core.visible import visible
from worker.process.streams import ReaderGoneError, write_out
from worker.reports.family import family_results
from worker.reports.files import whole_file
from worker.reports.parquet import require_parquet, write_parquet
from worker.reports.results import Write, job_results, parse_outcomes, write_csv, write_ndjson
from worker.settings import load

_WRITERS: Final = {"csv": write_csv, "ndjson": write_ndjson, "parquet": write_parquet}


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
    output_format: str,
    bom: bool,
    output: Path | None,
) -> int:
    """Print one row for each line of the job's list, also while it runs.

    Example: bulk-activate results 20261124-093000-1a2b3c4d --outcome failed,unknown --output failed.csv
    """
    outcomes = parse_outcomes(outcome)
    write_rows = _WRITERS[output_format]
    if bom:
        if output_format != "csv":
            raise BadInputError(f"--bom: only CSV takes a byte order mark, not -o {output_format}")
        write_rows = partial(write_csv, bom=True)
    if output_format == "parquet":
        require_parquet()
        if output is None and sys.stdout.isatty():
            raise BadInputError("-o parquet is no text for a terminal: name a file with --output")
    with open_local_or_shared(load(credential=False), local=local) as store:
        rows = (family_results if merged else job_results)(store, job_id, outcomes, frozenset(ids))
        missing = set(ids)
        if ids:
            rows = _noting_found(rows, missing)
        if output is None:
            _print(write_rows, rows)
        else:
            with whole_file(output) as file:
                write_rows(rows, file.write)
    if missing:
        click.echo(f"Warning: no such row in job {job_id}: {visible(', '.join(sorted(missing)))}", err=True)
    return 0


def _print(write_rows: Callable[[Iterator[RowSpan], Write], int], rows: Iterator[RowSpan]) -> None:
    # The reader may stop early, as `head` does.
    with suppress(ReaderGoneError):
        write_rows(rows, write_out)


def _noting_found(rows: Iterable[RowSpan], missing: set[str]) -> Iterator[RowSpan]:
    """Passes `rows` on and removes their ids from `missing`."""
    for run in rows:
        missing.difference_update(id_ for id_ in run.ids if id_ is not None)
        yield run
