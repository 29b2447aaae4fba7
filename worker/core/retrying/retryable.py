"""Whether it makes sense to send an id again that did not succeed.

The texts of refusals are published nowhere, so the words of one are a hint: a refusal is taken to stand
unless it speaks of something that passes. What nobody refused is always worth another try.
"""

from http import HTTPStatus
from typing import Final

from worker.core.reason import Reason

_PASSING: Final = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.CONFLICT,
        HTTPStatus.LOCKED,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)
_HINTS: Final = frozenset(
    {
        "AGAIN",
        "BUSY",
        "CONCURRENT",
        "CONFLICT",
        "INTERNAL",
        "LATER",
        "LIMIT",
        "LOCKED",
        "MAINTENANCE",
        "OVERLOADED",
        "QUOTA",
        "RATE",
        "RETRY",
        "TEMPORARILY",
        "TEMPORARY",
        "THROTTLED",
        "TIMED",
        "TIMEOUT",
        "UNAVAILABLE",
        "UNEXPECTED",
    }
)
_OURS: Final = frozenset(
    {
        "CONTRADICTORY_ANSWER",
        "MISSING_FROM_ANSWER",
        "NETWORK_SIGN_IN",
        "NOT_THE_API",
        "PROBES_SPENT",
        "PROXY_AUTHENTICATION",
        "REDIRECTED",
        "UNREADABLE_ANSWER",
    }
)
"""Reasons that we gave, since no answer of the API did."""


def is_retryable(reason: Reason) -> bool:
    """Whether `retry` may do better for ids with this reason."""
    if reason.name in _OURS or reason.status in _PASSING:
        return True
    if reason.status == HTTPStatus.OK:
        return not _HINTS.isdisjoint(reason.name.split("_"))
    return not HTTPStatus.MULTIPLE_CHOICES <= reason.status < HTTPStatus.INTERNAL_SERVER_ERROR
