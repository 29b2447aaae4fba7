"""Wakes workers for a job that stands in the store."""

from collections.abc import Sequence

import click

from worker.settings import Settings
from worker.store.script_calls import Ticket


def wake_workers(
    settings: Settings, job_id: str, tickets: Sequence[Ticket], traceparent: str | None = None
) -> None:
    """Sends one message per ticket. The job is safe without them: a worker's sweep sends missing ones."""
    if not tickets:
        return
    # Importing Celery is slow, and most commands send nothing.
    from kombu.exceptions import OperationalError  # noqa: PLC0415

    from worker.queue import messages  # noqa: PLC0415

    try:
        with messages.make_app(settings) as app:
            messages.send(app, job_id, tickets, traceparent)
    except (OperationalError, OSError) as error:
        click.echo(
            f"Warning: job {job_id} is stored, but workers could not be woken ({type(error).__name__}):"
            " they find it by themselves within seconds of Redis' return",
            err=True,
        )
