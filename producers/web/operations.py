"""What the OpenAPI document says of each operation beyond what Litestar finds in its handler.

Bodies that are streamed, media types, header fields, problems, and what can be done next.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from producers.submission.planned import Plan
from producers.web.events import MEDIA_TYPE as EVENTS
from producers.web.problems import Code
from producers.web.reading import JobPage, Verdict
from producers.web.results import FORMS
from producers.web.steering import NamedRate, RateOrder, Reason, RequestsPerSecond, Weight
from producers.web.uploads import MEDIA_TYPES
from worker.core.outcome import UNSUCCESSFUL, Outcome
from worker.core.reporting.schema import Rate, Report

ALWAYS: Final = (
    Code.BAD_INPUT,
    Code.UNAUTHENTICATED,
    Code.FORBIDDEN,
    Code.TOO_MANY_REQUESTS,
    Code.UNEXPECTED,
    Code.STORE_UNREACHABLE,
    Code.SHUTTING_DOWN,
)
_OF_JOB: Final = (Code.NO_SUCH_JOB, Code.DAMAGED_RECORD)
_OF_CHANGE: Final = (*_OF_JOB, Code.ILLEGAL_STATE_CHANGE)
_OF_BODY: Final = (Code.TOO_LARGE, Code.UNSUPPORTED_MEDIA_TYPE, Code.TIMED_OUT)
_OF_LIST: Final = (*_OF_BODY, Code.BUSY, Code.INSUFFICIENT_STORAGE)
RATE: Final = RateOrder | RequestsPerSecond | NamedRate


class Operation(msgspec.Struct, frozen=True):
    """What is added to an operation."""

    answer: Any = Report
    """The type of the JSON, or the media types of another body; None for no body."""
    problems: tuple[Code, ...] = ()
    body: Any = None
    """The type of the JSON, or the media types of a list."""
    body_required: bool = True
    headers: tuple[str, ...] = ()
    also: int | None = None
    """Another status with the same body; without a body for 304."""


OPERATIONS: Final[dict[str, Operation]] = {
    "listJobs": Operation(JobPage),
    "getJob": Operation(problems=_OF_JOB, headers=("ETag",), also=304),
    "watchJob": Operation((EVENTS,), _OF_JOB),
    "getResults": Operation(tuple(FORMS), (*_OF_JOB, Code.NOT_ACCEPTABLE)),
    "getReportPage": Operation(("text/html",), _OF_JOB),
    "verifyJob": Operation(Verdict, _OF_JOB),
    "submitJob": Operation(
        problems=(*_OF_LIST, Code.PLAN_DIFFERS, Code.REQUEST_ID_TAKEN),
        body=tuple(MEDIA_TYPES),
        headers=("ETag", "Location"),
        also=200,
    ),
    "planList": Operation(Plan, _OF_LIST, body=tuple(MEDIA_TYPES)),
    **{
        name: Operation(
            problems=(*_OF_CHANGE, *_OF_BODY), body=Reason, body_required=False, headers=("ETag",)
        )
        for name in ("pauseJob", "resumeJob", "cancelJob")
    },
    "retryJob": Operation(problems=_OF_CHANGE, headers=("ETag", "Location")),
    "changeJob": Operation(problems=(*_OF_CHANGE, *_OF_BODY), body=Weight, headers=("ETag",)),
    "purgeJob": Operation(None, _OF_CHANGE),
    "getRate": Operation(Rate),
    "setRate": Operation(Rate, _OF_BODY, body=RATE),
}


def _list_of(outcomes: Iterable[Outcome]) -> str:
    one = f"(?:{'|'.join(outcomes)})"
    return f"^{one}(?:,{one})*$"


ITEM_PATTERNS: Final = {
    ("getResults", "outcome"): _list_of(Outcome),
    ("retryJob", "outcome"): _list_of(sorted(UNSUCCESSFUL)),
    ("submitJob", "label"): "^[^=]+=",
}
"""Patterns of the items of lists, by operation and parameter."""
HEADERS: Final = {
    "ETag": "Changes with the document; for `If-None-Match`.",
    "Location": "The path of the job.",
}
OF_A_JOB: Final = (
    "getJob",
    "getResults",
    "getReportPage",
    "verifyJob",
    "pauseJob",
    "resumeJob",
    "cancelJob",
    "retryJob",
    "changeJob",
    "purgeJob",
    "watchJob",
)
"""What can be done with a job."""
