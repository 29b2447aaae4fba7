"""The trace span of a submission, if TRACES_URL is set."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

from producers.submission.request import JobRequest
from worker.settings import Settings
from worker.telemetry.traces import Service, Tracing, make_tracing

SubmissionSpan = Callable[[JobRequest], AbstractContextManager[JobRequest]]
"""Opens a span and yields the request with its `traceparent`; without tracing, the request as it is."""


@contextmanager
def submission_tracing(settings: Settings, of_process: Tracing | None = None) -> Iterator[SubmissionSpan]:
    """Spans by the tracing of the process, if it has one, else by one of its own, which sends them on exit.

    That can take seconds, so wake workers inside the block. Raises `BadSettingError`.
    """
    tracing = make_tracing(settings, Service.CLIENT) if of_process is None else of_process

    @contextmanager
    def submission_span(request: JobRequest) -> Iterator[JobRequest]:
        if tracing is None:
            yield request
            return
        with tracing.submission_span() as traceparent:
            yield replace(request, traceparent=traceparent)

    try:
        yield submission_span
    finally:
        if tracing is not None and of_process is None:
            tracing.close()
