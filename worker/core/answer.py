"""What an answer of the API, or its absence, says about the ids that were sent.

what came back                        verdict       the ids
------------------------------------  ------------  ------------------------------------------------
200, readable                         Reconciled    each by the two lists (see `reconcile`)
200, unreadable                       Faulty        may be active
401                                   Unauthorized  not processed; the token is renewed
403                                   JobFault      not processed; the job fails
404                                   JobFault      not processed; the job fails
429                                   Throttled     not processed; charged to nobody
any other 3xx or 4xx                  Rejected      not processed; one of them may be the reason
5xx, any other status                 Faulty        may be active
time-out, reset, answer cut short     Faulty        may be active
no connection                         Unreached     not sent
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import msgspec

from worker.core.job import ReasonCode
from worker.core.reason import Reason
from worker.core.reconcile import Reconciled, reconcile
from worker.core.redact import redact
from worker.core.retry_after import retry_after

MAX_BODY: Final = 1 << 20
"""Bytes. No honest answer about 15 ids comes near; the rest of a longer one is not read."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came: its body as far as it was read, which is never past `MAX_BODY`."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    proven: bool = False
    """Whether the API has accepted the access token of this request from others."""


@dataclass(frozen=True, slots=True)
class NoReply:
    """No whole answer came. `sent` is false only where the request cannot have reached the API."""

    name: str
    message: str
    sent: bool


@dataclass(frozen=True, slots=True)
class Throttled:
    hold: float | None
    """Seconds that the API asks for; None where it does not say."""


@dataclass(frozen=True, slots=True)
class Unauthorized:
    reason: Reason
    proven: bool = False
    """Others were served with the same access token."""


@dataclass(frozen=True, slots=True)
class JobFault:
    code: ReasonCode
    reason: Reason


@dataclass(frozen=True, slots=True)
class Rejected:
    reason: Reason


@dataclass(frozen=True, slots=True)
class Faulty:
    reason: Reason


@dataclass(frozen=True, slots=True)
class Unreached:
    reason: Reason


Verdict = Reconciled | Throttled | Unauthorized | JobFault | Rejected | Faulty | Unreached

_JOB_FAULTS: Final[dict[int, ReasonCode]] = {
    HTTPStatus.FORBIDDEN: ReasonCode.ORGANIZATION_FORBIDDEN,
    HTTPStatus.NOT_FOUND: ReasonCode.ORGANIZATION_NOT_FOUND,
}


def classify(reply: Reply | NoReply, sent: tuple[str, ...], now: float) -> Verdict:
    """The one meaning of `reply` to a request for the ids `sent`.

    `now` is the wall clock in seconds since the epoch, for `Retry-After` in the form of a date.
    """
    if isinstance(reply, NoReply):
        reason = Reason(reply.name, redact(reply.message), 0)
        return Faulty(reason) if reply.sent else Unreached(reason)
    status = reply.status
    if status == HTTPStatus.OK:
        return reconcile(reply.body, sent) or Faulty(
            Reason("UNREADABLE_ANSWER", "The answer was no JSON object with the lists expected.", status)
        )
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Throttled(retry_after(reply.headers.get("Retry-After"), now))
    reason = Reason(f"HTTP_{status}", error_message(reply.body), status)
    if status == HTTPStatus.UNAUTHORIZED:
        return Unauthorized(reason, reply.proven)
    if status in _JOB_FAULTS:
        return JobFault(_JOB_FAULTS[status], reason)
    rejected = HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    return Rejected(reason) if rejected else Faulty(reason)


def error_message(body: bytes) -> str:
    """The message of a `CspErrorResponse`, redacted; '' where there is none (HTML, empty, another shape)."""
    try:
        document: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    message = document.get("message") if isinstance(document, dict) else None
    return redact(message) if isinstance(message, str) else ""
