"""Publishes the progress of jobs: a row per job in Flower, and a log line when a job has ended.

Every worker process runs one. The store leases each job with news to one process at a time, and to another if
that process dies. So the end of every job is logged, even if no worker was alive then; if a process dies in
between, it may be logged twice.
"""

import threading
from collections.abc import Callable
from typing import Any, Final

import redis
import structlog
from redis.exceptions import RedisError

from worker.core.errors import NoSuchJobError
from worker.core.job import AT_REST
from worker.core.reporting.schema import Report
from worker.reports.status import read_report
from worker.store.jobs import JobStore
from worker.telemetry.warn_once import WarnOnce

POLL_SECONDS: Final = 1.0
"""Seconds between two polls of the store."""

REDRAW_MS: Final = 5000
"""Milliseconds between two updates of a running job's row, over all workers."""

JOBS_PER_POLL: Final = 50
_MAX_REASONS: Final = 10
"""Reasons of failures in the log line of a job."""

log = structlog.get_logger(__name__)


class JobNotifier:
    """Runs in a thread of its own, since the store and `show`, which sends a job's row, may block."""

    def __init__(self, client: redis.Redis, show: Callable[[Report], None]) -> None:
        self._client = client
        self._store = JobStore(client)
        self._show = show
        self._warnings = WarnOnce()
        self._failed = False
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="job-notifier", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Publishes what is pending, and stops."""
        self._closing.set()
        self._thread.join()
        self._client.close()

    def _run(self) -> None:
        closing = False
        while not closing:
            closing = self._closing.wait(POLL_SECONDS)
            try:
                leased = self._store.lease_notifications(JOBS_PER_POLL, REDRAW_MS)
            except RedisError as error:
                # The sweeper of this worker logs a warning.
                log.debug("cannot look at jobs, will try again", problem=str(error))
                continue
            except Exception:
                if not self._failed:
                    log.exception("a periodic task failed, and goes on", task="telling of jobs")
                self._failed = True
                continue
            self._failed = False
            for job_id in leased:
                try:
                    self._notify(job_id)
                except Exception as error:  # noqa: BLE001 -- one damaged job must not hide the others.
                    if self._warnings.is_first(job_id):
                        log.warning("cannot tell of a job, will try again", job_id=job_id, problem=str(error))

    def _notify(self, job_id: str) -> None:
        try:
            report = read_report(self._store, job_id)
        except NoSuchJobError:
            self._store.clear_notification(job_id)
            return
        try:
            self._show(report)
        except Exception as error:  # noqa: BLE001 -- kombu raises what its transport raises; a row is only a display.
            log.debug("cannot show a job", job_id=job_id, problem=type(error).__name__)
        if report.state in AT_REST:
            log.info("job ended", **job_line(report))
            self._store.clear_notification(job_id)


def job_line(report: Report) -> dict[str, Any]:
    """The fields of a job's log line. Times are in seconds; `batch_seconds` are sums over batches."""
    seconds = dict(report.progress.seconds)
    reason = report.state_reason
    failures = {f"{group.reason} {group.status}": group.count for group in report.failures[:_MAX_REASONS]}
    return {
        "job_id": report.job_id,
        "org_id": report.org_id,
        "request_id": report.request_id,
        "parent_job_id": report.parent_job_id,
        "created_by": report.created_by,
        "labels": report.labels,
        "state": str(report.state),
        "outcome": report.outcome,
        "reason": reason.code,
        "actor": reason.actor,
        "counts": {str(name): count for name, count in report.counts.items()},
        "balanced": report.balanced,
        "requests": report.requests,
        "failures": failures,
        "active_seconds": seconds.pop("active"),
        "batch_seconds": seconds,
        "created_at": report.created_at,
        "started_at": report.started_at,
        "ended_at": report.ended_at,
    }
