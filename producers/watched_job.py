"""The report of a job, and the wait for the job's end."""

import time
from collections.abc import Iterator
from typing import Final

from redis.exceptions import RedisError

from producers.submission.session import Session
from producers.waiting import MAX_OUTAGE, POLL, Outage, Progress, Wait, require_completed
from worker.core.errors import BadInputError
from worker.core.ids import is_job_id
from worker.core.reporting.schema import Report
from worker.core.reporting.timeline import Timeline
from worker.reports.status import read_report, read_snapshot
from worker.store.location import no_such_job
from worker.store.store_reader import WORKERS_WITHIN_MS


class WatchedJob:
    """The calls of `Job` that read its report, once or until the job rests."""

    def __init__(self, session: Session, job_id: str) -> None:
        self._session = session
        self.id: Final = job_id

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}>"

    def org_id(self) -> str:
        """The organization of the job."""
        with self._session.reachable():
            found = self._session.store.field(self.id, "org_id") if is_job_id(self.id) else None
        if found is None:
            raise no_such_job(self.id, self._session.store.where)
        return found

    def report(self) -> Report:
        """The document of `status -o json`, also while the job runs."""
        with self._session.reachable():
            return self._report()

    def _report(self) -> Report:
        # With no worker alive, nobody else settles a deadline that has passed.
        self._session.store.expire_if_due(self.id)
        return read_report(self._session.store, self.id)

    def progress(self) -> Progress:
        """The report, with how many worker processes are alive and Redis's clock."""
        with self._session.reachable():
            return self._progress()

    def _progress(self) -> Progress:
        return self._with_workers(self._report())

    def _with_workers(self, report: Report) -> Progress:
        store = self._session.store
        return Progress(report, store.now_ms(), store.live_workers(WORKERS_WITHIN_MS))

    def snapshot(self) -> tuple[Progress, Timeline]:
        """The progress, and what was sent and settled when, for plots."""
        with self._session.reachable():
            self._session.store.expire_if_due(self.id)
            report, timeline = read_snapshot(self._session.store, self.id)
            return self._with_workers(report), timeline

    def wait(self, timeout: float | None = None) -> Report:
        """Blocks until the job has completed, and returns its report: ids may have failed all the same.

        Waits up to ten minutes for a Redis that is away. Raises `WatchTimeoutError` after `timeout` seconds,
        while the job goes on, and `JobUnfinishedError`, with the report, where the job is paused, or ended
        cancelled, failed or expired.
        """
        report = None
        for step in self.follow(timeout):
            report = step.report if isinstance(step, Progress) else report
        assert report is not None, "the last step is progress"
        return require_completed(report)

    def follow(
        self, timeout: float | None = None, *, max_outage: float = MAX_OUTAGE
    ) -> Iterator[Progress | Outage]:
        """Yields the progress four times a second, the last one when the job rests or is paused.

        Yields an `Outage` for each time that Redis could not be read, for up to `max_outage` seconds. Raises
        `WatchTimeoutError` after `timeout` seconds, while the job goes on.
        """
        wait = self.begin_wait(timeout, max_outage)
        while True:
            step = self.next_step(wait)
            yield step
            if step.is_last:
                return
            wait.check_time(time.monotonic())
            time.sleep(POLL)

    def begin_wait(self, timeout: float | None, max_outage: float) -> Wait:
        """Begins a wait for a caller with a loop of its own, as `AsyncJob` has; `follow` is such a loop."""
        return Wait(self.id, time.monotonic(), timeout=timeout, max_outage=max_outage)

    def next_step(self, wait: Wait) -> Progress | Outage:
        """Reads the progress once."""
        with self._session.reachable():
            try:
                progress = self._progress()
            except RedisError as error:
                return wait.on_error(error, time.monotonic())
        wait.on_read()
        if not progress.is_last and not self._session.store.where.at_work:
            # Waiting would never end.
            raise BadInputError(
                f"--watch: no run is at work on job {self.id}, which stays {progress.report.state}:"
                f" `bulk-activate run --resume {self.id}` goes on with it"
            )
        return progress
