"""`run`: the whole job on one machine, with no service installed."""

import hashlib
import os
from functools import partial
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

from producers.cli.options import (
    job_options,
    opened_list,
    org_option,
    output_option,
    reading_options,
    request_of,
)
from producers.display import table
from producers.display.next_step import next_after_run
from producers.local.local_run import UnwrittenError
from producers.local.paths import RunPaths, make_home
from producers.local.run import resume, run
from worker.core.errors import BadInputError
from worker.core.job import AT_REST, State, exit_code
from worker.core.reporting.schema import Report
from worker.reports.folder import MANIFEST
from worker.reports.parquet import require_parquet
from worker.settings import Settings, load

_ALLOWED_WITH_RESUME: Final = frozenset({"resumed", "output", "parquet", "output_format"})


@click.command()
@partial(reading_options, required=False)
@org_option
@job_options
@click.option("--resume", "resumed", metavar="JOB", help="Instead of FILE: an unfinished job of STATE_DIR.")
@click.option("--output", type=click.Path(path_type=Path), help="The results folder; default: a new one.")
@click.option("--parquet", is_flag=True, help="Write results.parquet too (extra `parquet`).")
@output_option("table", "json")
def command(
    file: str | None,
    resumed: str | None,
    output: Path | None,
    parquet: bool,
    output_format: str,
    **given: Any,
) -> int:
    """Activate a list of token ids on this machine alone: Redis, worker and report included.

    Interrupted, it resumes where it was when it is run again. It works on its own job alone.

    Example: bulk-activate run ids.txt --org 6d4a2f0e-7a1b-4c5d-9e8f-0a1b2c3d4e5f
    """
    _require_list_or_job(file, resumed)
    if parquet:
        require_parquet()
    settings = load()
    settings.require_credential()
    paths = RunPaths(make_home(settings.require_state_dir()), output, parquet)
    try:
        if resumed is not None:
            report, folder = resume(resumed, settings, paths, os.environ)
        else:
            assert file is not None
            report, folder = _run_list(file, given, settings, paths)
    except UnwrittenError as error:
        # The report is shown although its folder could not be written.
        _show(error.report, output_format)
        raise
    except KeyboardInterrupt:
        click.echo("Stopped. The same command goes on where this one was.", err=True)
        return 130
    code = show_result(report, folder, output_format)
    if report.state in AT_REST and report.unsuccessful():
        click.echo(next_after_run(report, folder), err=True)
    return code


def _run_list(file: str, given: dict[str, Any], settings: Settings, paths: RunPaths) -> tuple[Report, Path]:
    request = request_of(given, settings.org_id)
    with opened_list(file) as source:
        return run(source, request, settings, paths, os.environ)


def _require_list_or_job(file: str | None, resumed: str | None) -> None:
    """Raises `BadInputError` unless exactly one of FILE and --resume is given.

    Also for options that a job to resume has already fixed.
    """
    if resumed is None:
        if file is None:
            raise BadInputError("run: name a FILE (or - for stdin), or an unfinished job with --resume JOB")
        return
    context = click.get_current_context()
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if source is ParameterSource.COMMANDLINE and parameter.name not in _ALLOWED_WITH_RESUME:
            name = "FILE" if parameter.name == "file" else parameter.opts[0]
            raise BadInputError(f"--resume: the job stands as it was submitted: leave {name} out")


def show_result(report: Report, folder: Path, output_format: str) -> int:
    """Shows the report and where the results folder is. Returns the exit code."""
    _show(report, output_format)
    click.echo(f"\nResults: {folder}", err=True)
    digest = hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    click.echo(f"sha256 of its {MANIFEST}, which holds those of all files: {digest}", err=True)
    if report.state is State.PAUSED:
        click.echo("Mend what paused the job, then run the same command: it goes on from here.", err=True)
    return exit_code(report.state, report.unsuccessful())


def _show(report: Report, output_format: str) -> None:
    (table.as_json if output_format == "json" else table.as_table)(report)
