"""Waits for a job until it rests: what is yielded on the way, when it ends, and how."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from redis.exceptions import RedisError

from worker.core.errors import BulkActivateError
from worker.core.job import AT_REST, State
from worker.core.reporting.schema import Report
from worker.reports.verdict import verdict
from worker.store.connect import is_mendable

POLL: Final = 0.25
"""Seconds between two reports."""
MAX_OUTAGE: Final = 600.0
"""Seconds that Redis may be away. A failover, or loading many jobs from disk, takes minutes."""


class WatchTimeoutError(BulkActivateError):
    """The wait has ended; the job goes on."""

    exit_code = 124


class JobUnfinishedError(BulkActivateError):
    """The job is paused, or ended early: cancelled, failed or expired. `report` says how."""

    exit_code = 4

    def __init__(self, message: str, report: Report) -> None:
        super().__init__(message)
        self.report = report


@dataclass(frozen=True, slots=True)
class Progress:
    """A job at one moment of a wait."""

    report: Report
    now_ms: int
    """Redis's clock, which decides when a hold ends."""
    workers: int
    """Worker processes alive."""

    @property
    def is_last(self) -> bool:
        """Whether nothing moves any more: the job rests, or is paused."""
        return self.report.state in AT_REST or self.report.state is State.PAUSED

    def hold_seconds(self) -> float:
        """Seconds for which a 429 still holds all sending."""
        until = self.report.rate.held_until
        if until is None:
            return 0.0
        return max(0.0, datetime.fromisoformat(until).timestamp() - self.now_ms / 1000)

    def seconds_left(self) -> float | None:
        """Estimated seconds to the end, at the average speed since the start; None while unknown."""
        per_second = self.report.progress.ids_per_second
        if self.report.state is not State.RUNNING or not per_second:
            return None
        return (self.report.counts["total"] - self.report.settled()) / per_second


@dataclass(frozen=True, slots=True)
class Outage:
    """Redis could not be read: it is waited for, as workers do."""

    why: str
    is_new: bool
    """Whether this is the first failure since it was last read."""
    is_last: bool = False


class Wait:
    """Decides about one wait. The caller reads, sleeps and has the clock: `now` is monotonic seconds."""

    def __init__(self, job_id: str, now: float, *, timeout: float | None, max_outage: float) -> None:
        self._job_id = job_id
        self._timeout = timeout
        self._ends = None if timeout is None else now + timeout
        self._max_outage = max_outage
        self._away_since: float | None = None

    def on_read(self) -> None:
        self._away_since = None

    def on_error(self, error: RedisError, now: float) -> Outage:
        """Raises `error` if waiting cannot help, or has not helped for `max_outage` seconds."""
        is_new = self._away_since is None
        self._away_since = now if self._away_since is None else self._away_since
        if not is_mendable(error) or now - self._away_since >= self._max_outage:
            raise error
        return Outage(f"Redis cannot be used ({type(error).__name__})", is_new)

    def check_time(self, now: float) -> None:
        """Raises `WatchTimeoutError` once the time is over."""
        if self._ends is not None and now >= self._ends:
            raise WatchTimeoutError(
                f"job {self._job_id} does not rest after {self._timeout:g} s; it goes on:"
                f" bulk-activate status {self._job_id} --watch"
            )


def require_completed(report: Report) -> Report:
    """Returns the report of a job that completed, whatever its outcomes. Raises `JobUnfinishedError`."""
    if report.state is State.COMPLETED:
        return report
    hint = "`resume` goes on with it" if report.state is State.PAUSED else "`retry` takes up what it left"
    raise JobUnfinishedError(f"job {report.job_id} did not complete. {verdict(report)} {hint}", report)
