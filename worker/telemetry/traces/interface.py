"""The interface of tracing for the rest of the program."""

from contextlib import AbstractContextManager
from enum import StrEnum
from typing import Final, Protocol

from worker.core.answers.reply import NoReply, Reply

TRACEPARENT: Final = "traceparent"
"""Header of messages and field of jobs with the span of the submission. Source: W3C Trace Context."""


class Service(StrEnum):
    """What a process is called in traces, as OpenTelemetry's `service.name`."""

    WORKER = "bulk-activation-worker"
    SERVE = "bulk-activation-serve"
    CLIENT = "bulk-activation-client"
    """A command, or a program that uses the Python API."""


class ActivationApi(Protocol):
    """Makes the requests: `worker.api.client.ActivationClient`, or a wrapper of it."""

    async def ready(self, org_id: str) -> NoReply | None:
        """Waits until `activate` can send at once, before a send time is reserved. Returns why it cannot."""

    def is_ready(self, org_id: str) -> bool:
        """Whether `activate` can still send at once."""

    async def activate(self, org_id: str, ids: tuple[str, ...]) -> Reply | NoReply: ...


class RequestSpan(Protocol):
    """The span of an HTTP request that this process answers."""

    def answered(self, route: str | None, status: int) -> None:
        """`route`: the template of the path, None where there is none; `status`: 0 without an answer."""


class Tracing(Protocol):
    """The tracing of a process. Spans are sent from a thread of its own, and dropped if that fails."""

    def request_span(self, method: str, traceparent: str | None) -> AbstractContextManager[RequestSpan]:
        """A span for an HTTP request, as a child of the caller's `traceparent`.

        Spans that begin in its context (`contextvars`) are its children.
        """

    def submission_span(self) -> AbstractContextManager[str]:
        """A span for a submission; yields the `traceparent` for the job and its messages."""

    def slice_span(
        self, traceparent: str | None, job_id: str, slice_no: int, size: int
    ) -> AbstractContextManager[None]:
        """A span for the work on a slice, as a child of `traceparent`. `size`: ids."""

    def with_spans(self, api: ActivationApi) -> ActivationApi:
        """Wraps `api` so that each request gets a span within that of its slice."""

    def close(self) -> None:
        """Sends pending spans, for some seconds at most."""
