"""The way in and out: a request is admitted or refused before all else, answered once, and logged."""

import asyncio
from contextlib import nullcontext
from http import HTTPStatus

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPReceiveMessage, Message, Receive, Scope, Send

from producers.web.admission import Admission
from producers.web.answers import refusal
from producers.web.bodies import shutting_down
from producers.web.browsers import READING
from producers.web.connections import let_go
from producers.web.keys import Key
from producers.web.problems import Code, ProblemError
from producers.web.refusals import Refusals
from producers.web.request_log import logged
from producers.web.sent import status_of
from producers.web.shares import Shares
from worker.core.errors import BulkActivateError

_log = structlog.get_logger(__name__)


class Gate:
    def __init__(self, app: ASGIApp, admission: Admission, requests: Shares, refusals: Refusals) -> None:
        """`requests`: how many a key may have open; event streams, waits and downloads are open for long."""
        self._app = app
        self._admission = admission
        self._requests = requests
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        slowed = self._slowed(scope, send)
        try:
            key = self._admission.key_of(scope)
        except ProblemError as problem:
            await _answer(scope, slowed, problem)
            if problem.code is Code.UNAUTHENTICATED:
                self._refusals.tell()
            return
        scope["user"] = key
        if scope["method"] == "OPTIONS":
            # No page elsewhere may use the API. Litestar's own answer to it misses methods.
            scope["method"] = "NONE"  # type: ignore[typeddict-item]
        if scope["method"] in READING:
            receive = _leaving(receive)
        with logged(scope, key):
            await self._forward(scope, receive, slowed, key)
        if status_of(scope) == HTTPStatus.UNAUTHORIZED:
            # Somebody tries keys at the form.
            self._refusals.tell()

    def _slowed(self, scope: Scope, send: Send) -> Send:
        """`send` that has somebody who tries keys wait for the answer."""

        async def slowed(message: Message) -> None:
            is_refusal = message.get("status") == HTTPStatus.UNAUTHORIZED
            if is_refusal and (delay := self._refusals.delay()):
                let_go(scope)
                await asyncio.sleep(delay)
            await send(message)

        return slowed

    async def _forward(self, scope: Scope, receive: Receive, send: Send, key: Key | None) -> None:
        try:
            with nullcontext() if key is None else self._requests.one_of(key):
                await self._app(scope, receive, send)
        except asyncio.CancelledError:
            # The server ends, and this did not by itself.
            if not status_of(scope):
                await _answer(scope, send, shutting_down())
        except Exception as error:
            if not status_of(scope) and isinstance(error, ProblemError):
                await _answer(scope, send, error)
                return
            # Where the answer has begun, an end without its last bytes has uvicorn close the connection.
            if not (status_of(scope) and _is_known(error)):
                raise
            _log.warning("an answer was cut short", path=scope["path"], why=str(_first(error)))


def _leaving(receive: Receive) -> Receive:
    """`receive` that only says when the client left: the body of a GET has no meaning (RFC 9110, 9.3.1).

    Litestar listens for that during a stream, one call deeper for each piece of a body.
    """

    async def leaving() -> HTTPReceiveMessage:
        while (message := await receive())["type"] != "http.disconnect":
            pass
        return message

    return leaving


def _is_known(error: Exception) -> bool:
    """Whether it is of ours; a stream wraps it."""
    if isinstance(error, ExceptionGroup):
        return all(map(_is_known, error.exceptions))
    return isinstance(error, BulkActivateError | ProblemError)


def _first(error: Exception) -> Exception:
    return _first(error.exceptions[0]) if isinstance(error, ExceptionGroup) else error


async def _answer(scope: Scope, send: Send, problem: ProblemError) -> None:
    status, fields, body = refusal(scope, problem, scope.get("user"))
    fields["content-length"] = str(len(body))
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(name.encode(), value.encode()) for name, value in fields.items()],
        }
    )
    await send({"type": "http.response.body", "body": body, "more_body": False})
