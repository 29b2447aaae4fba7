"""`run`: the whole job on one machine, with no service installed."""

import hashlib
import os
from pathlib import Path
from typing import Any

import click

from producers import show
from producers.local import Place, make_home, run
from producers.options import job_options, open_source, org_option, output_option, reading_options, request_of
from worker.core.job import State, exit_code
from worker.core.report import Report
from worker.reports.folder import MANIFEST
from worker.reports.parquet import require_parquet
from worker.settings import load


@click.command()
@reading_options
@org_option
@job_options
@click.option("--output", type=click.Path(path_type=Path), help="The results folder; default: a new one.")
@click.option("--parquet", is_flag=True, help="Write results.parquet too (extra `parquet`).")
@output_option("table", "json")
def command(file: str, output: Path | None, parquet: bool, output_format: str, **given: Any) -> int:
    """Activate a list of token ids on this machine alone: Redis, worker and report included.

    Interrupted, it resumes where it was when it is run again.

    Example: bulk-activate run ids.txt --org 6d4a2f0e-7a1b-4c5d-9e8f-0a1b2c3d4e5f
    """
    if parquet:
        require_parquet()
    settings = load()
    settings.require_credential()
    request = request_of(given, settings.org_id)
    with open_source(file) as source:
        home = make_home(settings.state_dir)
        try:
            report, folder = run(source, request, settings, Place(home, output, parquet), os.environ)
        except KeyboardInterrupt:
            click.echo("Stopped. The same command goes on where this one was.", err=True)
            return 130
    return finish(report, folder, output_format)


def finish(report: Report, folder: Path, output_format: str) -> int:
    """Shows the report and where the results are; the exit code."""
    (show.as_json if output_format == "json" else show.as_table)(report)
    click.echo(f"\nResults: {folder}", err=True)
    digest = hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    click.echo(f"sha256 of its {MANIFEST}, which holds those of all files: {digest}", err=True)
    if report.state is State.PAUSED:
        click.echo("Mend what paused the job, then run the same command: it goes on from here.", err=True)
    return exit_code(report.state, report.unsuccessful())
