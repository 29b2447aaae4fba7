"""Make, read and steer activation jobs from Python.

    from producers import Client

    with Client() as client:
        job = client.submit(ids, org_id=ORG, request_id="incident-42")
        report = job.wait(timeout=600)
        for row in job.results(outcomes={"failed", "unknown"}):
            print(row.id, row.reason, row.message)

`AsyncClient` has the same calls for those who run an event loop. What is not in `__all__` may change at any
time. Importing this package imports nothing heavy: `Client` brings redis-py and pydantic at its first use,
and submitting brings Celery.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from worker.core.errors import (
    BadInputError,
    BadSettingError,
    BulkActivateError,
    DamagedRecordError,
    NoSuchJobError,
    PlanDiffersError,
    RedisUnreachableError,
    RequestIdTakenError,
    StateChangeError,
    UnreachableError,
)

if TYPE_CHECKING:
    from producers.async_client import AsyncClient
    from producers.async_job import AsyncJob
    from producers.client import Client
    from producers.job import Change, Job, SubmittedJob
    from producers.submission.planned import Plan
    from producers.submission.rate import RateChange
    from producers.summary import JobSummary
    from producers.waiting import JobUnfinishedError, Outage, Progress, WatchTimeoutError
    from worker.core.job import State
    from worker.core.outcome import Outcome
    from worker.core.reporting.rows import Row
    from worker.core.reporting.schema import Report
    from worker.reports.recount import Recount

__all__ = [
    "AsyncClient",
    "AsyncJob",
    "BadInputError",
    "BadSettingError",
    "BulkActivateError",
    "Change",
    "Client",
    "DamagedRecordError",
    "Job",
    "JobSummary",
    "JobUnfinishedError",
    "NoSuchJobError",
    "Outage",
    "Outcome",
    "Plan",
    "PlanDiffersError",
    "Progress",
    "RateChange",
    "Recount",
    "RedisUnreachableError",
    "Report",
    "RequestIdTakenError",
    "Row",
    "State",
    "StateChangeError",
    "SubmittedJob",
    "UnreachableError",
    "WatchTimeoutError",
]

_MODULES: Final = {
    "AsyncClient": "producers.async_client",
    "AsyncJob": "producers.async_job",
    "Change": "producers.job",
    "Client": "producers.client",
    "Job": "producers.job",
    "JobSummary": "producers.summary",
    "JobUnfinishedError": "producers.waiting",
    "Outage": "producers.waiting",
    "Outcome": "worker.core.outcome",
    "Plan": "producers.submission.planned",
    "Progress": "producers.waiting",
    "RateChange": "producers.submission.rate",
    "Recount": "worker.reports.recount",
    "Report": "worker.core.reporting.schema",
    "Row": "worker.core.reporting.rows",
    "State": "worker.core.job",
    "SubmittedJob": "producers.job",
    "WatchTimeoutError": "producers.waiting",
}
"""The module of each public name, which is imported at the first use of the name."""


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
