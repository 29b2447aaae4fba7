"""A job as producers steer it: paused, resumed, cancelled, retried, removed."""

import time
from collections.abc import Mapping
from typing import Final, NamedTuple

from producers.readable_job import ReadableJob, Texts, outcomes_of
from producers.submission.request import JobRequest, check_limits, require_weight, seconds_of
from producers.submission.retry import retry, retryable
from producers.submission.session import Session
from producers.submission.submit import Submission
from producers.submission.tracing import submission_tracing
from producers.submission.wake import wake_workers
from producers.waiting import POLL
from worker.core.job import Control, ReasonCode, State


class Change(NamedTuple):
    """What became of an order to pause, resume or cancel a job."""

    state: State
    changed: bool
    """Whether this order changed it; False where it was in force already."""


class Job(ReadableJob):
    """A job by its id, which may not exist. Every call reads or changes the record in Redis anew.

    Every call may raise `RedisUnreachableError`, `DamagedRecordError`, and `NoSuchJobError` for a job that
    was never there, was purged, or is past RETENTION.
    """

    def pause(self, reason: str = "") -> Change:
        """Stops sending; answers to what is in flight are recorded.

        As `resume` and `cancel`, it changes nothing where it is in force already, and raises
        `StateChangeError` where the state does not allow it. `reason` is recorded.
        """
        return self._control(Control.PAUSE, reason)

    def resume(self, reason: str = "") -> Change:
        """Goes on with a paused job."""
        return self._control(Control.RESUME, reason)

    def cancel(self, reason: str = "") -> Change:
        """Ends the job. What was not sent stays so; what is in flight is recorded."""
        return self._control(Control.CANCEL, reason)

    def _control(self, control: Control, reason: str) -> Change:
        session = self._session
        with session.reachable():
            state, changed, tickets = session.store.control(
                self.id, control, code=ReasonCode.USER, message=reason, actor=session.actor
            )
            wake_workers(session, self.id, tickets)
            while state == State.CANCELLING and not session.store.where.at_work:
                # No worker serves this Redis: claims of a killed one expire with their leases, in seconds.
                time.sleep(POLL)
                session.store.sweep(self.id)
                state = session.store.field(self.id, "state") or state
        return Change(State(state), changed)

    def retry(
        self,
        outcomes: Texts = None,
        *,
        labels: Mapping[str, str] | None = None,
        deadline: str | float | None = None,
        max_failures: int | None = None,
        max_failure_ratio: float | None = None,
    ) -> "SubmittedJob":
        """Makes a child job of the ids that did not succeed, or of those with `outcomes`.

        It has the organization, the weight and the labels of this job, and `labels`; the limits are as in
        `Client.submit`. Each call makes another child. Raises `StateChangeError` while this job does not
        rest.
        """
        session, chosen = self._session, retryable(outcomes_of(outcomes))
        # The organization comes from the parent.
        request = check_limits(
            JobRequest(
                org_id="",
                labels=dict(labels or {}),
                deadline=seconds_of("--deadline", deadline),
                max_failures=max_failures,
                max_failure_ratio=max_failure_ratio,
                created_by=session.actor,
            )
        )
        with session.reachable(), submission_tracing(session.settings, session.tracing) as submission_span:
            session.check_server()
            with submission_span(request) as traced_request:
                child = retry(session.store, self.id, traced_request, chosen)
            if not child.tickets:
                session.warn("this job holds no id: there is nothing to do")
            return announced(session, child, traced_request.traceparent)

    def set_weight(self, weight: int) -> bool:
        """Changes the job's share of its organization's rate, 1 to 100; whether it had another one.

        It acts within seconds, as workers take up the job's next slices. Raises `BadInputError`, and
        `StateChangeError` where the job rests.
        """
        with self._session.reachable():
            return self._session.store.set_weight(self.id, require_weight(weight))

    def purge(self) -> None:
        """Removes a job that rests, and everything it stored. Raises `StateChangeError` where it does not."""
        with self._session.reachable():
            self._session.store.purge(self.id)


class SubmittedJob(Job):
    """A job as `submit` or `retry` has just stored it."""

    def __init__(self, session: Session, submission: Submission) -> None:
        super().__init__(session, submission.job_id)
        self.is_new: Final = submission.new
        """Whether this call made it; an earlier one with the same request id and list may have."""
        self.survey: Final = submission.survey
        """The first and the last id, abbreviated, and warnings about the list; None for a retry."""


def announced(session: Session, submission: Submission, traceparent: str | None) -> SubmittedJob:
    """Wakes workers for what was stored, and returns its job."""
    wake_workers(session, submission.job_id, submission.tickets, traceparent)
    return SubmittedJob(session, submission)
