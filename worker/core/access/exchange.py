"""What the answer to a token exchange means, and how long all workers wait before the next exchange.

what came back                               meaning      then
-------------------------------------------  -----------  ----------------------------------------------------
200, an object with a usable `access_token`  Granted      used, and renewed before its end
200, an error document                       as of the status that it names
400, 401, 403, 404, an object                Refused      tried once more; then an operator has to fix it
the same as HTML, text or nothing            Unavailable  waited for: something before the API answered
a redirect                                   Unavailable  waited for, never followed
429 or 503 with `Retry-After`                Unavailable  waited for as long as it says
any other                                    Unavailable  waited for, longer each time
no answer                                    Unavailable  waited for; without a connection as any request
"""

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from worker.core.access.lifetime import lifetime_of
from worker.core.answers.document import document_of, error_message
from worker.core.answers.intercepted import interception
from worker.core.answers.reply import NoReply, Reply, redirect_host
from worker.core.answers.retry_after import retry_after
from worker.core.backoff import backoff

_REFUSALS: Final = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}
)

PAUSE_BASE: Final = 2.0
UNAVAILABLE_CAP: Final = 15.0
REFUSED_CAP: Final = 300.0
"""Maximum seconds between exchanges of a refused credential. Longer than for an unavailable API, since
repeated attempts may lock the account."""
MIN_PAUSE: Final = 1.0
"""Minimum seconds between exchanges where the API asks for a pause, even of 0."""


@dataclass(frozen=True, slots=True)
class Granted:
    access_token: str = field(repr=False)
    lifetime: float
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The API itself rejected the credential."""

    why: str


@dataclass(frozen=True, slots=True)
class Unavailable:
    """No access token was granted, for a reason that says nothing about the credential."""

    why: str
    asked: float | None = None
    """Pause in seconds that the API asks for; None if it asks for none."""
    sent: bool = True
    """False if the request cannot have left this machine."""


def read_exchange(reply: Reply | NoReply, now: float) -> Granted | Refused | Unavailable:
    """Classifies the reply to an exchange. `now`: the API's clock in seconds since the epoch, for
    `Retry-After` with a date.
    """
    if isinstance(reply, NoReply):
        return Unavailable(reply.message, None, reply.sent)
    asked = retry_after(reply.headers.get("Retry-After"), now)
    document = document_of(reply.body)
    if document is None:
        return Unavailable(_who_answered(reply), asked)
    status = reply.status
    if status == HTTPStatus.OK:
        token = document.get("access_token")
        if isinstance(token, str) and _is_usable(token):
            return Granted(token, lifetime_of(document.get("expires_in")))
        status = _named_status(document)
    if status in _REFUSALS:
        return Refused(f"HTTP {status}, {error_message(reply.body)}")
    if status == HTTPStatus.OK:
        return Unavailable("the answer held no usable token", asked)
    return Unavailable(f"HTTP {status}", asked)


def pause(verdict: Refused | Unavailable, failures: int, roll: float) -> float:
    """Seconds before the next exchange by any worker.

    `failures`: failures in a row, including this one. `roll`: random number in [0, 1), for jitter.
    """
    if isinstance(verdict, Refused):
        return backoff(failures, base=PAUSE_BASE, cap=REFUSED_CAP, roll=roll)
    if not verdict.sent:
        return 0.0
    if verdict.asked is not None:
        return max(MIN_PAUSE, verdict.asked) + MIN_PAUSE * roll
    return backoff(failures, base=PAUSE_BASE, cap=UNAVAILABLE_CAP, roll=roll)


def _who_answered(reply: Reply) -> str:
    """Describes an answer that did not come from the API, such as a proxy's, without quoting its body."""
    status = reply.status
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return f"HTTP {status}, but not in the API's words (a login or maintenance page?)"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.NETWORK_AUTHENTICATION_REQUIRED:
        return f"HTTP {status}"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return f"HTTP {status}"
    location = reply.headers.get("Location", "")
    return interception(status, redirect_host(reply), location, reply.body).message


def _is_usable(token: str) -> bool:
    """Whether `token` can be sent in an HTTP header."""
    return token != "" and token.isascii() and token.isprintable()


def _named_status(document: dict[str, Any]) -> int:
    """The `statusCode` of an error document; 200 if there is none."""
    status = document.get("statusCode")
    return status if isinstance(status, int) and not isinstance(status, bool) else int(HTTPStatus.OK)
