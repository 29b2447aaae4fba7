"""`pause`, `resume` and `cancel`: change the state of a job."""

from collections.abc import Callable

import click

from producers.cli.connection import open_client
from producers.cli.options import job_argument, local_option
from producers.job import Change, Job
from worker.core.job import Control
from worker.settings import load


def _command(control: Control, steer: Callable[[Job, str], Change], help_text: str) -> click.Command:
    @click.command(name=control, help=f"{help_text}\n\nExample: bulk-activate {control} JOB --reason 'why'")
    @job_argument()
    @click.option("--reason", default="", metavar="TEXT", help="Recorded with the change.")
    def command(job_id: str, reason: str, *, local: bool = False) -> int:
        with open_client(load(credential=False), local=local) as client:
            change = steer(client.job(job_id), reason)
        click.echo(f"job {job_id} is {change.state}" + ("" if change.changed else " already"), err=True)
        return 0

    return command


pause = _command(Control.PAUSE, Job.pause, "Stop sending for a job; `resume` goes on with it.")
resume = _command(Control.RESUME, Job.resume, "Go on with a paused job.")
cancel = local_option(
    _command(
        Control.CANCEL, Job.cancel, "End a job; what is in flight is recorded, what was not sent stays so."
    )
)
