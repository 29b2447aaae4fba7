"""Wakes workers for a job that stands in the store."""

from collections.abc import Sequence

from producers.submission.session import Session
from worker.store.script_calls import Ticket


def wake_workers(
    session: Session, job_id: str, tickets: Sequence[Ticket], traceparent: str | None = None
) -> None:
    """Sends one message per ticket. The job is safe without them: a worker's sweep sends missing ones.

    Warns where that fails or is interrupted, so that the id of a stored job is never lost.
    """
    if not tickets:
        return
    try:
        # Importing Celery is slow, and most callers send nothing.
        from kombu.exceptions import OperationalError  # noqa: PLC0415

        from worker.queue import messages  # noqa: PLC0415

        try:
            with messages.make_app(session.settings) as app:
                messages.send(app, job_id, tickets, traceparent)
        except (OperationalError, OSError) as error:
            session.warn(
                f"job {job_id} is stored, but workers could not be woken ({type(error).__name__}):"
                " they find it by themselves within seconds of Redis' return"
            )
    except BaseException:
        session.warn(f"job {job_id} is stored: workers find it by themselves within seconds")
        raise
