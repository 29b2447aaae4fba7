"""The span of a submission, where TRACES_URL is set."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

from producers.jobs import Request
from worker.settings import Settings
from worker.traces import make_tracing

Submitting = Callable[[Request], AbstractContextManager[Request]]
"""Gives the request as it is to be submitted, within a span of its own."""


@contextmanager
def traces(settings: Settings) -> Iterator[Submitting]:
    """At the end the span is sent: that can take seconds, so workers are to be woken before.

    Raises `BadSettingError`.
    """
    tracing = make_tracing(settings)

    @contextmanager
    def submitting(request: Request) -> Iterator[Request]:
        if tracing is None:
            yield request
            return
        with tracing.submission_span() as traceparent:
            yield replace(request, traceparent=traceparent)

    try:
        yield submitting
    finally:
        if tracing is not None:
            tracing.close()
