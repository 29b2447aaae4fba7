"""Errors as the API answers them: problem details (RFC 9457) with a `code` that programs can go by."""

import re
from enum import StrEnum
from http import HTTPStatus
from typing import Final

import msgspec

from worker.core.errors import (
    BadInputError,
    BadSettingError,
    BulkActivateError,
    DamagedRecordError,
    NoSuchJobError,
    PlanDiffersError,
    RequestIdTakenError,
    StateChangeError,
    UnreachableError,
)

MEDIA_TYPE: Final = "application/problem+json"


class Code(StrEnum):
    """Part of the contract: codes are added, and never change their meaning."""

    BAD_INPUT = "bad_input"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    NO_SUCH_JOB = "no_such_job"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    NOT_ACCEPTABLE = "not_acceptable"
    TIMED_OUT = "timed_out"
    ILLEGAL_STATE_CHANGE = "illegal_state_change"
    PLAN_DIFFERS = "plan_differs"
    TOO_LARGE = "too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    REQUEST_ID_TAKEN = "request_id_taken"
    TOO_MANY_REQUESTS = "too_many_requests"
    UNEXPECTED = "unexpected"
    DAMAGED_RECORD = "damaged_record"
    STORE_UNREACHABLE = "store_unreachable"
    BUSY = "busy"
    SHUTTING_DOWN = "shutting_down"
    INSUFFICIENT_STORAGE = "insufficient_storage"


STATUS: Final[dict[Code, HTTPStatus]] = {
    Code.BAD_INPUT: HTTPStatus.BAD_REQUEST,
    Code.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    Code.FORBIDDEN: HTTPStatus.FORBIDDEN,
    Code.NOT_FOUND: HTTPStatus.NOT_FOUND,
    Code.NO_SUCH_JOB: HTTPStatus.NOT_FOUND,
    Code.METHOD_NOT_ALLOWED: HTTPStatus.METHOD_NOT_ALLOWED,
    Code.NOT_ACCEPTABLE: HTTPStatus.NOT_ACCEPTABLE,
    Code.TIMED_OUT: HTTPStatus.REQUEST_TIMEOUT,
    Code.ILLEGAL_STATE_CHANGE: HTTPStatus.CONFLICT,
    Code.PLAN_DIFFERS: HTTPStatus.CONFLICT,
    Code.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Code.UNSUPPORTED_MEDIA_TYPE: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    Code.REQUEST_ID_TAKEN: HTTPStatus.UNPROCESSABLE_ENTITY,
    Code.TOO_MANY_REQUESTS: HTTPStatus.TOO_MANY_REQUESTS,
    Code.UNEXPECTED: HTTPStatus.INTERNAL_SERVER_ERROR,
    Code.DAMAGED_RECORD: HTTPStatus.INTERNAL_SERVER_ERROR,
    Code.STORE_UNREACHABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.BUSY: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.SHUTTING_DOWN: HTTPStatus.SERVICE_UNAVAILABLE,
    Code.INSUFFICIENT_STORAGE: HTTPStatus.INSUFFICIENT_STORAGE,
}

_CODES: Final[tuple[tuple[type[BulkActivateError], Code], ...]] = (
    (NoSuchJobError, Code.NO_SUCH_JOB),
    (StateChangeError, Code.ILLEGAL_STATE_CHANGE),
    (PlanDiffersError, Code.PLAN_DIFFERS),
    (RequestIdTakenError, Code.REQUEST_ID_TAKEN),
    # The settings are the server's, and so is a Redis too old for it.
    (BadSettingError, Code.STORE_UNREACHABLE),
    (BadInputError, Code.BAD_INPUT),
    (UnreachableError, Code.STORE_UNREACHABLE),
    (DamagedRecordError, Code.DAMAGED_RECORD),
)

PASSING: Final = (Code.TOO_MANY_REQUESTS, Code.STORE_UNREACHABLE, Code.BUSY, Code.SHUTTING_DOWN)
"""Problems that the same request may not meet a few seconds later."""

_DETAILS: Final[dict[Code, str]] = {
    # The messages name the address of Redis, or a job of another organization.
    Code.DAMAGED_RECORD: (
        "what Redis holds of this was not written by us, or is damaged; the log of the server says more"
    ),
    Code.STORE_UNREACHABLE: "Redis cannot be used at present: try again; the log of the server says why",
    Code.REQUEST_ID_TAKEN: (
        "this Idempotency-Key was used for another list or organization, or for another way to read the list:"
        " use another key, or send the same list"
    ),
    Code.UNEXPECTED: "the server failed; its log says why",
}

_OPTION: Final = re.compile(r"^--([a-z][a-z-]*):")


class Problem(msgspec.Struct, frozen=True):
    """The body of an error."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    """The path of the request."""
    code: Code


class ProblemError(Exception):
    """Ends a request with a problem."""

    def __init__(self, code: Code, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def problem_of(error: BulkActivateError) -> ProblemError:
    """What the API says of one of our errors."""
    code = next((code for kind, code in _CODES if isinstance(error, kind)), Code.UNEXPECTED)
    return ProblemError(code, _DETAILS.get(code) or _OPTION.sub(_as_parameter, str(error)))


def _as_parameter(found: re.Match[str]) -> str:
    """Options are parameters here."""
    return f"{found[1].replace('-', '_')}:"


def document(error: ProblemError, path: str) -> Problem:
    status = STATUS[error.code]
    return Problem("about:blank", status.phrase, int(status), error.detail, path, error.code)


def headers(error: ProblemError) -> dict[str, str]:
    """Header fields that go with the problem."""
    fields = {"cache-control": "no-store"}
    if error.code is Code.UNAUTHENTICATED:
        fields["www-authenticate"] = "Bearer"
    if error.code in PASSING:
        fields["retry-after"] = "5"
    return fields
