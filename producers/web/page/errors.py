"""Errors as a person sees them: what happened, and what to do next."""

import re
from typing import Final

from producers.web.keys import Key
from producers.web.page.rendering import html
from producers.web.problems import PASSING, STATUS, Code, ProblemError

_NEXT: Final = {
    Code.NO_SUCH_JOB: "It may have been removed, or your key does not reach its organization.",
    Code.NOT_FOUND: "Nothing is at this address.",
    Code.FORBIDDEN: "Sign out, and sign in with a key that may do this.",
    Code.ILLEGAL_STATE_CHANGE: "The job has moved on since you looked: look at it again.",
    Code.PLAN_DIFFERS: "Check the list again, and activate what the new plan shows.",
    Code.TOO_LARGE: "Cut the list into parts, or submit it with `bulk-activate submit`.",
    Code.TIMED_OUT: "Send it again over a faster connection.",
    Code.TOO_MANY_REQUESTS: "Close other windows of this page, or let a download end. Then load it again.",
    Code.BUSY: "Load this page again in a moment.",
    Code.INSUFFICIENT_STORAGE: "Whoever runs the server can make room; its log says more.",
    Code.STORE_UNREACHABLE: (
        "Jobs are not lost: they go on by themselves once Redis is back. Then load this page again."
    ),
    Code.SHUTTING_DOWN: "Load this page again in a moment.",
    Code.DAMAGED_RECORD: "Somebody else wrote to Redis. The log of the server says more.",
    Code.UNEXPECTED: "Try again. If it stays so, the log of the server says why.",
}
_OTHERWISE: Final = "Go back, and try it in another way."


_JOB: Final = re.compile(r"(/jobs/[0-9A-Za-z_-]{1,64})/\w+")
"""A path of something done with a job."""


_LOADED_AGAIN: Final = frozenset({*PASSING, Code.UNEXPECTED})
"""Problems that the same request may not meet again."""


def error_page(problem: ProblemError, key: Key | None, path: str, method: str) -> str:
    status, job = STATUS[problem.code], _JOB.fullmatch(path)
    return html(
        "error",
        key=key,
        path="",
        title=status.phrase,
        status=int(status),
        detail=problem.detail,
        job=job[1] if job else None,
        again=path if problem.code in _LOADED_AGAIN and method == "GET" else None,
        advice=_NEXT.get(problem.code, _OTHERWISE),
    )
