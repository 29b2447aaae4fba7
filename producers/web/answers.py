"""What a refused request is answered: a problem for programs, a page for people."""

from typing import Any, NamedTuple
from urllib.parse import urlencode

import msgspec

from producers.web.browsers import wants_page
from producers.web.keys import Key
from producers.web.page.errors import error_page
from producers.web.page.rendering import HEADERS
from producers.web.problems import MEDIA_TYPE, STATUS, Code, ProblemError, document, headers


class Refusal(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


def refusal(scope: Any, problem: ProblemError, key: Key | None) -> Refusal:
    """The answer to the request; `key` is who made it, if known."""
    status, fields = int(STATUS[problem.code]), headers(problem)
    if not wants_page(scope):
        body = msgspec.json.encode(document(problem, scope["path"]))
        return Refusal(status, {**fields, "content-type": MEDIA_TYPE}, body)
    if problem.code is Code.UNAUTHENTICATED:
        where = f"/sign-in?{urlencode({'next': scope['path']})}"
        return Refusal(303, {"location": where, "cache-control": "no-store"}, b"")
    as_html = {"content-type": "text/html; charset=utf-8", **HEADERS}
    return Refusal(
        status, {**fields, **as_html}, error_page(problem, key, scope["path"], scope["method"]).encode()
    )
