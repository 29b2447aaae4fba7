"""`report`: the report as one page."""

from pathlib import Path

import click

from producers.connection import opened
from worker.core.errors import BadInputError
from worker.reports.page import page
from worker.reports.status import read_report
from worker.settings import load


@click.command()
@click.argument("job_id", metavar="JOB")
@click.option(
    "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The HTML file to write."
)
def command(job_id: str, output: Path) -> int:
    """Write the report of a job as one page that can be read, printed and filed.

    Example: bulk-activate report 20261124-093000-1a2b3c4d --output report.html
    """
    with opened(load()) as store:
        text = page(read_report(store, job_id))
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInputError(f"--output: cannot write {output}: {error.strerror}") from error
    return 0
