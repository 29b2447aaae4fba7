"""What follows a submission: print the job id, and watch the job with `--watch`."""

import click

from producers.display.next_step import next_command
from producers.display.watch import watch
from producers.job import SubmittedJob
from worker.core.job import exit_code
from worker.process.streams import stdout_failure


def after_submit(job: SubmittedJob, *, watched: bool) -> int:
    """Prints the job id alone on stdout; returns the exit code, if `watched` at the end of the job."""
    click.echo(job.id)
    if (failure := stdout_failure()) is not None:
        click.echo(f"Job {job.id} is stored and goes on; stdout did not take its id ({failure})", err=True)
    if not watched:
        click.echo(f"Next: bulk-activate status {job.id} --watch", err=True)
        return 0
    report = watch(job)
    click.echo(f"Next: {next_command(report)}", err=True)
    return exit_code(report.state, report.unsuccessful())
