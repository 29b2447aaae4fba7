"""What an answer of the API, or its absence, says about the ids that were sent.

what came back                         verdict       the ids
-------------------------------------  ------------  ---------------------------------------------------
200, each id in one list               Reconciled    in `successes` activated, in `failures` final too
200, a list null or missing            Reconciled    as if it were empty
200, `failures` says 'already active'  Reconciled    already active; activated, if it was ambiguous before
200, an id in both lists               Reconciled    that id unknown, and sent no more; the others settled
200, an id in neither list             Reconciled    that id ambiguous, and sent again; the others settled
200, an id twice in one list           Reconciled    as once; of two refusals the first message is kept
200, an id in other case or spaced     Reconciled    as the one id sent that it can be; else as never sent
200, ids that were never sent          Reconciled    these are logged, and nothing else; the others settled
200, an odd entry in a list            Reconciled    read as far as it can be; the others settled
200, odd bytes, a mark or a charset    Reconciled    as of its plain form; messages as far as they can be read
200, compressed or in chunks           Reconciled    as of its plain form
200, dripping but in time              Reconciled    as if it came at once
200, dripping past the time-out        Faulty        ambiguous, and sent again
200, an error document                 its status's  as if it came with the status that it names
200, no JSON                           Faulty        ambiguous, and sent again; at the second split
200, JSON of another shape             Faulty        ambiguous, and sent again; at the second split
200, cut short                         Faulty        ambiguous, and sent again
200, too large                         Faulty        ambiguous, and sent again; at the second split
other 1xx or 2xx                       Faulty        ambiguous, and sent again; at the second split
401, a JSON object                     Unauthorized  not processed; sent again, see `trust` beside this
403, a JSON object                     JobFault      not processed; the job fails, if it is said twice
404, a JSON object                     JobFault      not processed; the job fails, if it is said twice
409, a JSON object                     Rejected      not processed; sent again once, then split
429                                    Throttled     not processed; sent again, charged to nobody
any other 4xx, a JSON object           Rejected      not processed; split until the id at fault is alone
4xx, no JSON object                    Intercepted   the API was not reached: sent again, charged to nobody
3xx, 405, 406, 407 or 511              Intercepted   the API was not reached: sent again, charged to nobody
any other 5xx                          Faulty        ambiguous, and sent again; at the second split
no answer in time                      Faulty        ambiguous, and sent again
connection closed or reset             Faulty        ambiguous, and sent again
no HTTP                                Faulty        ambiguous, and sent again; at the second split
no connection                          Unreached     not sent; sent again, charged to nobody

Only JSON objects count as answers of the API: proxies, login pages and portals answer HTML, text or nothing.
A possible outage is charged to no id and splits no batch until it is known to be none (see `blame`).
A 403 or 404 fails the job at once if the API has accepted nothing of the job yet (see `refusals`).
An ambiguous id whose last attempt is spent becomes `unknown`.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from worker.core.answers.document import Document, message_of, read_object, status_named
from worker.core.answers.intercepted import interception
from worker.core.answers.reconcile import Reconciled, reconcile
from worker.core.answers.reply import NoReply, Reply, redirect_host
from worker.core.answers.retry_after import retry_after
from worker.core.answers.verdict import (
    Faulty,
    Intercepted,
    JobFault,
    Rejected,
    Throttled,
    Unauthorized,
    Unreached,
    Verdict,
)
from worker.core.job import ReasonCode
from worker.core.rate.advice import quota_of
from worker.core.reason import Reason
from worker.core.redact import redact

_OK: Final = HTTPStatus.OK
"""Looked up once: in Python 3.11 each look at a member costs a call, and every answer asks."""

_JOB_FAULTS: Final[dict[int, ReasonCode]] = {
    HTTPStatus.FORBIDDEN: ReasonCode.ORGANIZATION_FORBIDDEN,
    HTTPStatus.NOT_FOUND: ReasonCode.ORGANIZATION_NOT_FOUND,
}
_NEVER_THE_API: Final = frozenset(
    {
        *range(HTTPStatus.MULTIPLE_CHOICES, HTTPStatus.BAD_REQUEST),
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.NOT_ACCEPTABLE,
        HTTPStatus.PROXY_AUTHENTICATION_REQUIRED,
        HTTPStatus.NETWORK_AUTHENTICATION_REQUIRED,
    }
)
"""Statuses that the API never answers, whatever the body."""


def classify(reply: Reply | NoReply, sent: tuple[str, ...], now: float) -> Verdict:
    """The verdict on `reply` to a request for the ids `sent`.

    `now` is the wall clock in seconds since the epoch, for `Retry-After` in the form of a date.
    """
    if isinstance(reply, NoReply):
        reason = Reason(reply.name, redact(reply.message), 0)
        return Faulty(reason) if reply.sent else Unreached(reason)
    if reply.status != HTTPStatus.OK:
        document = read_object(reply.body, reply.content_type)
        return _classify_status(reply, reply.status, document, now)
    read = reconcile(reply.body, sent, reply.content_type)
    if isinstance(read, Reconciled):
        return read
    if read is not None and (named := status_named(read)) is not None:
        return _classify_status(reply, named, read, now)
    text = "The answer was no JSON object with the lists expected."
    return Faulty(Reason("UNREADABLE_ANSWER", f"{text} {message_of(read)}".strip(), reply.status))


def _classify_status(reply: Reply, status: int, document: Document | None, now: float) -> Verdict:
    """The verdict on a `status` other than 200. `document`: the body as JSON object, or None."""
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Throttled(_requested_hold(reply.headers, now))
    refuses = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    if status in _NEVER_THE_API or (refuses and document is None):
        return Intercepted(
            interception(status, redirect_host(reply), reply.headers.get("Location", ""), reply.body)
        )
    reason = Reason(f"HTTP_{status}", message_of(document), status)
    if status == HTTPStatus.UNAUTHORIZED:
        hinted = "; ".join(filter(None, (reason.message, reply.hint)))
        return Unauthorized(Reason(reason.name, hinted, status), reply.token_action)
    if status in _JOB_FAULTS:
        return JobFault(_JOB_FAULTS[status], reason)
    if refuses:
        return Rejected(reason)
    return Faulty(reason, retry_after(reply.headers.get("Retry-After"), now))


def is_token_rejected(reply: Reply) -> bool:
    """Whether the access token was rejected, by the status or by an error document in a 200."""
    if reply.status != _OK:
        return reply.status == HTTPStatus.UNAUTHORIZED
    # A cheap check before the body is parsed a second time.
    if b'"status' not in reply.body or b"401" not in reply.body:
        return False
    document = read_object(reply.body, reply.content_type)
    return (
        document is not None
        and not document.keys() & {"successes", "failures"}
        and status_named(document) == HTTPStatus.UNAUTHORIZED
    )


def _requested_hold(headers: Mapping[str, str], now: float) -> float | None:
    """Hold in seconds that a 429 asks for: `Retry-After`, else the time until an exhausted quota resets."""
    asked = retry_after(headers.get("Retry-After"), now)
    if asked is None and (quota := quota_of(headers, now)) is not None and quota.remaining < 1:
        return quota.reset
    return asked
