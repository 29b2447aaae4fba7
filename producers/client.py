"""The one way in: commands, HTTP and other programs make, read and steer jobs through this client."""

import logging
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self, Unpack

from producers.job import Job, SubmittedJob, announced
from producers.keywords import ReadingOptions
from producers.reading import InputOptions, Source
from producers.reading.opened import ListSource, opened
from producers.submission.planned import Plan, check_plan, make_plan
from producers.submission.rate import RateChange, set_rate
from producers.submission.request import JobRequest, check_limits, require_org, seconds_of
from producers.submission.session import Session, Warn
from producers.submission.submit import submit
from producers.submission.tracing import submission_tracing
from producers.summary import JobSummary, parse_position, summary_of
from worker.core.reporting.schema import Rate
from worker.reports.status import read_rate
from worker.settings import CREDENTIAL, Settings, load
from worker.store.location import StoreLocation
from worker.store.store_reader import WORKERS_WITHIN_MS

_log = logging.getLogger("producers")


class Client:
    """Makes, reads and steers jobs in the Redis at `REDIS_URL`, which is connected to at the first use.

        with Client() as client:
            job = client.submit(ids, org_id=ORG, request_id="incident-42")
            report = job.wait(timeout=600)

    It needs no credential and never calls the API: workers do. Threads may share it, and so may processes
    that were forked since it was made. Every method may raise `RedisUnreachableError`.
    """

    def __init__(self, *, actor: str | None = None, on_warning: Warn | None = None, **settings: Any) -> None:
        """Reads the settings, of which those given here win: `Client(redis_url=...)`.

        `actor` is recorded with every job and change; default: the user and host of this process. Each
        warning goes to `on_warning` as one line, by default to the logger `producers`. Raises
        `BadSettingError` for a bad setting, and `TypeError` for a keyword that is no setting or a credential.
        """
        for name in settings:
            if name not in Settings.model_fields or name in CREDENTIAL:
                raise TypeError(f"Client() takes no setting {name!r}")
        self._session = Session(load(credential=False, **settings), on_warning or _log.warning, actor=actor)

    @classmethod
    def over(cls, session: Session) -> Self:
        """A client over a session that its maker closes."""
        client = cls.__new__(cls)
        client._session = session  # noqa: SLF001 -- its own.
        return client

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._session.close()

    def submit(
        self,
        source: ListSource | Source,
        *,
        org_id: str | None = None,
        request_id: str | None = None,
        labels: Mapping[str, str] | None = None,
        weight: int = 1,
        deadline: str | float | None = None,
        max_failures: int | None = None,
        max_failure_ratio: float | None = None,
        plan: str | None = None,
        **reading: Unpack[ReadingOptions],
    ) -> SubmittedJob:
        """Stores a list as a job and wakes workers. Redis ends up with the whole job or without it.

        `source`: a path, an open binary file, which is read to its end, or any iterable of ids, which is
        consumed once, in constant memory. The options are those of the command: `org_id` is by default that
        of the settings; the same `request_id` and list give the same job; `deadline` is seconds or text such
        as 6h, from now; `weight` from 1 to 100 is the share of the rate; a list that differs from `plan`, the
        `plan` of `Client.plan` or a sha256, is refused.

        Raises `BadInputError` for a list or an option that cannot be used, `RequestIdTakenError` and
        `BadSettingError`; nothing is stored then.
        """
        session = self._session
        request = check_limits(
            JobRequest(
                org_id=require_org(org_id or session.settings.org_id),
                options=_options(source, reading),
                request_id=request_id,
                labels=dict(labels or {}),
                weight=weight,
                deadline=seconds_of("--deadline", deadline),
                max_failures=max_failures,
                max_failure_ratio=max_failure_ratio,
                created_by=session.actor,
            )
        )
        with (
            session.reachable(),
            submission_tracing(session.settings, session.tracing) as submission_span,
            opened(source) as listed,
        ):
            session.check_server()
            if plan is not None:
                check_plan(listed, request.options, plan)
            with submission_span(request) as traced_request:
                submission = submit(listed, traced_request, session.store)
            if submission.new and submission.survey is not None:
                for sentence in submission.survey.advice:
                    session.warn(sentence)
            return announced(session, submission, traced_request.traceparent)

    def plan(self, source: ListSource | Source, **reading: Unpack[ReadingOptions]) -> Plan:
        """Counts a list and estimates its duration; nothing is stored, and Redis is not asked.

        Raises `BadInputError` for a list that `submit` would refuse too.
        """
        options = _options(source, reading)
        with opened(source) as listed:
            return make_plan(listed, options, self._session.settings.rate_config)

    def job(self, job_id: str) -> Job:
        """The job with that id. If there is none, its methods raise `NoSuchJobError`."""
        return Job(self._session, job_id)

    def jobs(self, state: str | None = None) -> Iterator[Job]:
        """The jobs, newest first; those in `state` only."""
        return (self.job(summary.job_id) for summary in self.summaries(state))

    def summaries(self, state: str | None = None, after: str | None = None) -> Iterator[JobSummary]:
        """A line on each job, newest first; those in `state` only, and those behind the position `after`.

        Warns of those with a damaged record. Raises `BadInputError` for an `after` that is no position.
        """
        position = None if after is None else parse_position(after)
        with self._session.reachable():
            for fields in self._session.store.summaries(position):
                try:
                    summary = summary_of(fields)
                except (KeyError, ValueError, OverflowError):
                    self._session.warn(f"job {fields.get('id')!r} is left out: its record is damaged")
                else:
                    if state in {None, summary.state}:
                        yield summary

    def set_rate(self, org_id: str, rate: str | float) -> RateChange:
        """Changes the requests per second of an organization at API_URL, for every worker at once.

        `rate`: a number, 'auto' to have it learned, or 'default' to go by the workers' settings. Raises
        `BadInputError`.
        """
        with self._session.reachable():
            return set_rate(self._session, org_id, rate)

    def rate(self, org_id: str) -> Rate:
        """The rate of an organization at API_URL, as in a job's report. Raises `BadInputError`."""
        org_id = require_org(org_id, "ORG")
        with self._session.reachable():
            return read_rate(self._session.store, self._session.settings.api_host, org_id)

    def acting_as(self, actor: str) -> Self:
        """A client over the same connections that records `actor`. Closing either closes both."""
        return self.over(self._session.acting_as(actor))

    @property
    def where(self) -> StoreLocation:
        """Which Redis this client uses, for messages."""
        return self._session.store.where

    def live_workers(self) -> int:
        """The number of worker processes that showed life within the last ten seconds."""
        with self._session.reachable():
            return self._session.store.live_workers(WORKERS_WITHIN_MS)


def _options(source: ListSource | Source, given: ReadingOptions) -> InputOptions:
    """The options; an iterable of ids is read as lines, whatever its ids look like."""
    is_file = isinstance(source, Source | str) or hasattr(source, "__fspath__") or hasattr(source, "read")
    return InputOptions(**({} if is_file else {"format": "lines"}) | given)
