"""What Flower shows: a row for each slice, which Celery sends, with its progress; and a row for each job.

A job is no task: nobody waits in it, so nothing is lost with a worker. Its row is drawn by events of the kind
that tasks send, under the job's id. Flower shows `result`, `exception` and `kwargs` of an event, and none
of the fields that it does not know; neither holds an id of a token.
"""

from datetime import datetime
from typing import Any, Final

from celery import Celery
from celery.app.control import Control

from worker.core.job import State
from worker.core.outcome import COUNTED, FINAL
from worker.core.report import Report
from worker.engine.account import Account

JOB: Final = "bulk_activation.job"

EVENTS: Final[dict[State, str]] = {
    State.PREPARING: "task-preparing",
    State.QUEUED: "task-queued",
    State.RUNNING: "task-progress",
    State.PAUSED: "task-paused",
    State.CANCELLING: "task-cancelling",
    State.COMPLETED: "task-succeeded",
    # Not 'revoked': Celery holds that to come before any state of our own, and would not show it.
    State.CANCELLED: "task-cancelled",
    State.FAILED: "task-failed",
    State.EXPIRED: "task-failed",
}
"""Flower's state of a row is what follows the dash, in capitals; SUCCESS and FAILURE for Celery's own."""


class SilentControl(Control):  # type: ignore[misc] # Celery has no types.
    """Celery's remote control for Flower's process: it sends workers nothing.

    Whoever may send can also stop every worker. Flower asks for a heartbeat when it starts, and for what its
    pages on one worker show; workers beat each two seconds anyway.
    """

    def broadcast(self, *_args: Any, **_options: Any) -> list[Any]:
        return []


def slice_event(account: Account) -> dict[str, Any]:
    """The fields of a slice's `task-progress`."""
    return {
        "result": account.words(),
        "ids_done": account.settled,
        "ids": account.ids,
        "ids_per_second": round(account.ids_per_second, 1),
    }


def job_event(report: Report) -> tuple[str, dict[str, Any]]:
    """The event that draws a job's whole row, wherever Flower stands; it may have started a moment ago."""
    kwargs = {"job_id": report.job_id, "org_id": report.org_id, "ids": report.counts["total"]}
    fields: dict[str, Any] = {
        "uuid": report.job_id,
        "name": JOB,
        "args": "()",
        "kwargs": repr(kwargs),
        "result": job_summary(report),
        "received": _seconds(report.created_at),
        "started": _seconds(report.started_at),
        "eta": report.progress.eta_at,
        "runtime": report.progress.seconds["active"],
        "ids_done": report.settled(),
        "ids": report.counts["total"],
        "ids_per_second": report.progress.ids_per_second,
    }
    if EVENTS[report.state] == "task-failed":
        fields["exception"] = f"{report.state}: {report.state_reason.message or report.state_reason.code}"
    return EVENTS[report.state], fields


def job_summary(report: Report) -> str:
    """Where a job stands, in one line for a person."""
    # Flower cuts what is long: what is settled first.
    order = sorted(COUNTED, key=lambda name: name not in FINAL)
    counts = ", ".join(f"{report.counts[name]:,} {name}" for name in order if report.counts[name])
    text = f"{report.outcome or f'{report.progress.percent:g} %'}: {counts or 'no ids'}"
    if report.state is State.RUNNING:
        text += f"; {report.progress.ids_per_second:,.0f} ids/s"
    if report.state_reason.code:
        text += f" ({report.state_reason.code})"
    return text


def send_job_row(app: Celery, node: str, report: Report) -> None:
    """Sends a job's row. Raises what kombu raises. `node`: name of this worker, as Flower knows it."""
    event, fields = job_event(report)
    with app.events.default_dispatcher(hostname=node) as dispatcher:
        dispatcher.send(event, **fields)


def _seconds(moment: str | None) -> float | None:
    return None if moment is None else datetime.fromisoformat(moment).timestamp()
