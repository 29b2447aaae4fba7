"""What an answer of the API, or its absence, says about the ids that were sent.

what came back                         verdict       the ids
-------------------------------------  ------------  ---------------------------------------------------
200, each id in one list               Reconciled    in `successes` activated, in `failures` final too
200, a list null or missing            Reconciled    as if it were empty
200, `failures` says 'already active'  Reconciled    already active; activated, if it was in doubt before
200, an id in both lists               Reconciled    that id unknown, and sent no more; the others settled
200, an id in neither list             Reconciled    that id in doubt, and sent again; the others settled
200, an id twice in one list           Reconciled    as once; of two refusals the first message is kept
200, ids that were never sent          Reconciled    these are logged, and nothing else; the others settled
200, compressed or in chunks           Reconciled    as of its plain form
200, dripping but in time              Reconciled    as if it came at once
200, dripping past the time-out        Faulty        in doubt, and sent again
200, no JSON                           Faulty        in doubt, and sent again
200, JSON of another shape             Faulty        in doubt, and sent again
200, cut short                         Faulty        in doubt, and sent again
200, too large                         Faulty        in doubt, and sent again
other 1xx or 2xx                       Faulty        in doubt, and sent again
401                                    Unauthorized  not processed; sent again, see `worker.core.trust`
403                                    JobFault      not processed; the job fails
404                                    JobFault      not processed; the job fails
409                                    Rejected      not processed; sent again once, then taken apart
429                                    Throttled     not processed; sent again, charged to nobody
any other 3xx or 4xx                   Rejected      not processed; taken apart until the culprit is alone
5xx                                    Faulty        in doubt, and sent again; at the second taken apart
no answer in time                      Faulty        in doubt, and sent again
connection closed or reset             Faulty        in doubt, and sent again
no connection                          Unreached     not sent; sent again, charged to nobody

An id in doubt is `ambiguous`. With its last attempt gone it is `unknown`.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from worker.core.job import ReasonCode
from worker.core.rate.advice import quota_of
from worker.core.reason import Reason
from worker.core.reconcile import Reconciled, reconcile
from worker.core.redact import redact
from worker.core.retry_after import retry_after
from worker.core.trust import Then

MAX_BODY: Final = 1 << 20
"""Bytes. No honest answer about 15 ids comes near; the rest of a longer one is not read."""


_REQUEST_ID: Final = re.compile(r"[\w.:/+=-]{1,128}", re.ASCII)
"""No format is published."""

_HOST: Final = re.compile(r"[\w.:\[\]-]{1,255}", re.ASCII)


class Reply(msgspec.Struct, frozen=True):
    """An answer as it came: its body as far as it was read, which is never past `MAX_BODY`."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    then: Then = Then.RENEW
    """What is to be done about the access token of this request, where that was refused."""


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
    then: Then = Then.RENEW


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
        return Throttled(_asked(reply.headers, now))
    reason = Reason(f"HTTP_{status}", error_message(reply.body), status)
    if status == HTTPStatus.UNAUTHORIZED:
        return Unauthorized(reason, reply.then)
    if status in _JOB_FAULTS:
        return JobFault(_JOB_FAULTS[status], reason)
    rejected = HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    return Rejected(reason) if rejected else Faulty(reason)


def _asked(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds of silence that a 429 asks for: by `Retry-After`, else until a quota that is used up is new."""
    asked = retry_after(headers.get("Retry-After"), now)
    if asked is None and (quota := quota_of(headers, now)) is not None and quota.remaining < 1:
        return quota.reset
    return asked


def error_message(body: bytes) -> str:
    """The message of a `CspErrorResponse`, redacted; '' where there is none (HTML, empty, another shape)."""
    return redact(_text(body, "message"))


def request_id(reply: Reply) -> str | None:
    """The name that the API gave to an exceptional request, which its support asks for; None without one."""
    given = _text(reply.body, "requestId") or reply.headers.get("X-Request-Id", "")
    # What looks like a secret is redacted, and then no such name any more.
    return given if _REQUEST_ID.fullmatch(given) and redact(given) == given else None


def _text(body: bytes, name: str) -> str:
    """A string of a JSON object; '' where it has none, or is none."""
    text = (document_of(body) or {}).get(name)
    return text if isinstance(text, str) else ""


def document_of(body: bytes) -> dict[str, Any] | None:
    """The JSON object that `body` is, which alone is the API's word.

    None for anything else (HTML, text, nothing, a JSON list): it says that the API was not reached, and
    nothing of an id, a credential or an organization.
    """
    try:
        try:
            document: Any = msgspec.json.decode(body)
        except msgspec.ValidationError:
            # A number out of range, such as 1e999, is the fault of that number alone.
            document = json.loads(body, parse_int=float)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def redirect_host(reply: Reply) -> str | None:
    """Where a redirect leads to, as `HOST` or `HOST:PORT`; None for what is none, or names no other host.

    It is told and never followed: the new host would get the credential.
    """
    if not HTTPStatus.MULTIPLE_CHOICES <= reply.status < HTTPStatus.BAD_REQUEST:
        return None
    try:
        host = urlsplit(reply.headers.get("Location", "")).netloc.rpartition("@")[2]
    except ValueError:
        return None
    return host if _HOST.fullmatch(host) else None
