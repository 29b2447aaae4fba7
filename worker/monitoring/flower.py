"""Events for Flower, which shows a row per slice with its progress, and a row per job.

A job is no Celery task, so that nothing is lost with a worker. Its row is drawn by events such as tasks send,
under the job's id. Flower shows the fields `result`, `exception` and `kwargs` of an event, which hold no
token id, and ignores fields that it does not know.
"""

from collections.abc import MutableMapping
from datetime import datetime
from typing import Any, Final

from celery import Celery
from celery.app.control import Control

from worker.core.job import State
from worker.core.outcome import COUNTED, FINAL
from worker.core.reporting.schema import Report
from worker.engine.slice_progress import TaskProgress

JOB: Final = "bulk_activation.job"

EVENTS: Final[dict[State, str]] = {
    State.PREPARING: "task-preparing",
    State.QUEUED: "task-queued",
    State.RUNNING: "task-progress",
    State.PAUSED: "task-paused",
    State.CANCELLING: "task-cancelling",
    State.COMPLETED: "task-succeeded",
    # Not 'revoked': Celery gives that precedence over custom states, which would then not be shown.
    State.CANCELLED: "task-cancelled",
    State.FAILED: "task-failed",
    State.EXPIRED: "task-failed",
}
"""Type of the event for each state. Flower shows what follows the dash, in capitals, as the row's state;
SUCCESS and FAILURE for Celery's own two."""


class SilentControl(Control):  # type: ignore[misc] # Celery has no types.
    """Celery's remote control for Flower's process, made unable to send commands to workers.

    A process that may send commands could also stop every worker. Flower loses little: it asks for a
    heartbeat when it starts, which workers send every two seconds anyway, and for details on its pages of one
    worker.
    """

    def broadcast(self, *_args: Any, **_options: Any) -> list[Any]:
        return []


def drop_service_link(environment: MutableMapping[str, str]) -> None:
    """Removes a FLOWER_PORT that Kubernetes set for a service named flower (`tcp://10.0.0.1:5555`).

    Flower takes it for its own port before it reads any other setting, and ends with a traceback.
    """
    if environment.get("FLOWER_PORT", "").startswith("tcp://"):
        del environment["FLOWER_PORT"]


def slice_event(task: TaskProgress) -> dict[str, Any]:
    """The fields of the event `task-progress` of a slice."""
    return {
        "result": task.words(),
        "ids_done": task.settled,
        "ids": task.ids,
        "ids_per_second": round(task.ids_per_second, 1),
    }


def job_event(report: Report) -> tuple[str, dict[str, Any]]:
    """Type and fields of the event for a job's row: complete each time, as Flower may just have started."""
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
    """The progress of a job in one line, for a person."""
    # Flower cuts long text, so settled ids come first.
    order = sorted(COUNTED, key=lambda name: name not in FINAL)
    counts = ", ".join(f"{report.counts[name]:,} {name}" for name in order if report.counts[name])
    text = f"{report.outcome or f'{report.progress.percent:g} %'}: {counts or 'no ids'}"
    if report.state is State.RUNNING:
        text += f"; {report.progress.ids_per_second:,.0f} ids/s"
    if report.state_reason.code:
        text += f" ({report.state_reason.code})"
    return text


def send_job_row(app: Celery, node: str, report: Report) -> None:
    """Sends the event for a job's row in the name of the worker `node`. Raises kombu's exceptions."""
    event, fields = job_event(report)
    with app.events.default_dispatcher(hostname=node) as dispatcher:
        dispatcher.send(event, **fields)


def _seconds(moment: str | None) -> float | None:
    return None if moment is None else datetime.fromisoformat(moment).timestamp()
