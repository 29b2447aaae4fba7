"""`pause`, `resume`, `cancel`: steering a job."""

import click

from producers.connection import opened, wake_workers
from producers.jobs import whoami
from producers.options import job_argument
from worker.core.job import Control, ReasonCode
from worker.settings import load


def _command(control: Control, help_text: str) -> click.Command:
    @click.command(name=control, help=f"{help_text}\n\nExample: bulk-activate {control} JOB --reason 'why'")
    @job_argument()
    @click.option("--reason", default="", metavar="TEXT", help="Recorded with the change.")
    def command(job_id: str, reason: str) -> int:
        settings = load()
        with opened(settings) as store:
            state, changed, tickets = store.control(
                job_id, control, code=ReasonCode.USER, message=reason, actor=whoami()
            )
            wake_workers(settings, job_id, tickets)
        click.echo(f"job {job_id} is {state}" + ("" if changed else " already"), err=True)
        return 0

    return command


pause = _command(Control.PAUSE, "Stop sending for a job; `resume` goes on with it.")
resume = _command(Control.RESUME, "Go on with a paused job.")
cancel = _command(Control.CANCEL, "End a job; what is in flight is recorded, what was not sent stays so.")
