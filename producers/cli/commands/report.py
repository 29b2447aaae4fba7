"""`report`: writes the report as one HTML page."""

from pathlib import Path

import click

from producers.cli.connection import open_client
from producers.cli.options import job_argument, local_option
from worker.reports.files import whole_file
from worker.settings import load


@click.command()
@job_argument()
@local_option
@click.option(
    "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The HTML file to write."
)
@click.option("--merged", is_flag=True, help="The latest outcome of each id, over the job and its retries.")
def command(job_id: str, output: Path, merged: bool, local: bool) -> int:
    """Write the report of a job as one page that can be read, printed and filed.

    Example: bulk-activate report 20261124-093000-1a2b3c4d --output report.html
    """
    with open_client(load(credential=False), local=local) as client:
        text = client.job(job_id).page(merged=merged)
    with whole_file(output) as file:
        file.write(text.encode())
    return 0
