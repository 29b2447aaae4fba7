"""What follows a submission: print the job id, wake workers, and watch the job with `--watch`."""

import click

from producers.display.next_step import next_command
from producers.display.watch import watch
from producers.submission.submit import Submission
from producers.submission.wake import wake_workers
from worker.core.job import exit_code
from worker.process.streams import stdout_failure
from worker.settings import Settings
from worker.store.jobs import JobStore


def after_submit(
    job: Submission, settings: Settings, store: JobStore, *, watched: bool, traceparent: str | None
) -> int:
    """Prints the job id alone on stdout and wakes workers; returns the exit code, if `watched` at the end."""
    click.echo(job.job_id)
    if job.survey is None and job.new and not job.tickets:
        click.echo("Warning: this job holds no id: there is nothing to do", err=True)
    wake_workers(settings, job.job_id, job.tickets, traceparent)
    if (failure := stdout_failure()) is not None:
        click.echo(
            f"Job {job.job_id} is stored and goes on; stdout did not take its id ({failure})", err=True
        )
    if not watched:
        click.echo(f"Next: bulk-activate status {job.job_id} --watch", err=True)
        return 0
    report = watch(store, job.job_id)
    click.echo(f"Next: {next_command(report)}", err=True)
    return exit_code(report.state, report.unsuccessful())
