"""`pause`, `resume` and `cancel`: change the state of a job."""

import time
from typing import Final

import click

from producers.cli.connection import open_local_or_shared
from producers.cli.options import job_argument, local_option
from producers.submission.submit import whoami
from producers.submission.wake import wake_workers
from worker.core.job import Control, ReasonCode, State
from worker.settings import Settings, load
from worker.store.jobs import JobStore

_POLL: Final = 0.25
"""Seconds between two looks at whether a cancelled job has come to rest."""


def _command(control: Control, help_text: str) -> click.Command:
    @click.command(name=control, help=f"{help_text}\n\nExample: bulk-activate {control} JOB --reason 'why'")
    @job_argument()
    @click.option("--reason", default="", metavar="TEXT", help="Recorded with the change.")
    def command(job_id: str, reason: str, *, local: bool = False) -> int:
        settings = load(credential=False)
        with open_local_or_shared(settings, local=local) as store:
            state, changed = _steer(control, store, settings, job_id, reason)
        click.echo(f"job {job_id} is {state}" + ("" if changed else " already"), err=True)
        return 0

    return command


def _steer(
    control: Control, store: JobStore, settings: Settings, job_id: str, reason: str
) -> tuple[str, bool]:
    state, changed, tickets = store.control(
        job_id, control, code=ReasonCode.USER, message=reason, actor=whoami()
    )
    wake_workers(settings, job_id, tickets)
    while state == State.CANCELLING and not store.where.at_work:
        # No worker serves this Redis: claims of a killed one expire with their leases, in seconds.
        time.sleep(_POLL)
        store.sweep(job_id)
        state = store.field(job_id, "state") or state
    return state, changed


pause = _command(Control.PAUSE, "Stop sending for a job; `resume` goes on with it.")
resume = _command(Control.RESUME, "Go on with a paused job.")
cancel = local_option(
    _command(Control.CANCEL, "End a job; what is in flight is recorded, what was not sent stays so.")
)
