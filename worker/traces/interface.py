"""What the rest of the program knows of traces."""

from contextlib import AbstractContextManager
from typing import Final, Protocol

from worker.core.answer import NoReply, Reply

TRACEPARENT: Final = "traceparent"
"""The header of messages, and the field of a job, that names the span of its submission.

Source: W3C Trace Context."""


class ActivationApi(Protocol):
    """Who makes the requests."""

    async def ready(self, org_id: str) -> NoReply | None:
        """Waits until `activate` can send at once: nobody reserves a send time for a wait. Why it can not."""

    def is_ready(self, org_id: str) -> bool:
        """Whether it still can."""

    async def activate(self, org_id: str, ids: tuple[str, ...]) -> Reply | NoReply: ...


class Tracing(Protocol):
    """One per process. Spans are sent from a thread of its own, and dropped where nobody takes them."""

    def submission_span(self) -> AbstractContextManager[str]:
        """The span of a submission; gives the `traceparent` for the job and its messages."""

    def slice_span(
        self, traceparent: str | None, job_id: str, slice_no: int, size: int
    ) -> AbstractContextManager[None]:
        """The span of the work behind one message."""

    def with_spans(self, api: ActivationApi) -> ActivationApi:
        """`api` with a span for each request, within that of its slice."""

    def close(self) -> None:
        """Sends what is left, for some seconds at most."""
