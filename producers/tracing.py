"""The span of a submission, where TRACES_URL is set."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

from producers.jobs import JobRequest
from worker.settings import Settings
from worker.traces import make_tracing

SubmissionSpan = Callable[[JobRequest], AbstractContextManager[JobRequest]]
"""Gives the request as it is to be submitted, within a span of its own."""


@contextmanager
def submission_tracing(settings: Settings) -> Iterator[SubmissionSpan]:
    """At the end the span is sent: that can take seconds, so workers are to be woken before.

    Raises `BadSettingError`.
    """
    tracing = make_tracing(settings)

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
        if tracing is not None:
            tracing.close()
