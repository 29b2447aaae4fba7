"""The way in: refuses a foreign `Host` and a wrong key before all else, and logs each request.

A key comes as `Authorization: Bearer KEY`, or by the cookie of a session; what changes something by cookie
comes from a page of this server, by its `Origin`.
"""

import asyncio
import re
import time
from collections.abc import Collection
from http import HTTPStatus
from typing import Any, Final

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from producers.web.answers import refusal
from producers.web.bodies import shutting_down
from producers.web.browsers import READING, field_of, is_same_origin, session_name
from producers.web.connections import let_go
from producers.web.keys import Key, Keys
from producers.web.problems import Code, ProblemError
from producers.web.refusals import Refusals
from producers.web.sessions import Sessions
from worker.core.errors import BulkActivateError

PROBES: Final = frozenset({"/healthz", "/readyz"})
"""Asked by probes, which have no key and name an address."""
SIGN_IN: Final = "/sign-in"
OPEN: Final = PROBES | {"/api/v1/openapi.json", "/api/docs", SIGN_IN}
"""Paths that need no key: they show nothing that is not in the source."""
_ASSETS: Final = "/assets/"
"""What the paths of such files begin with."""
_LIVE: Final = re.compile(r"/(?:jobs/[0-9A-Za-z_-]+)?")
"""The pages that their script reads anew."""

_log = structlog.get_logger(__name__)


class Gate:
    def __init__(
        self, app: ASGIApp, keys: Keys, sessions: Sessions, hosts: Collection[str], refusals: Refusals
    ) -> None:
        """`hosts`: the names that requests may call the server, without ports; in lower case."""
        self._app = app
        self._keys = keys
        self._sessions = sessions
        self._hosts = hosts
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        started, answer = time.monotonic(), _Answer(scope, send, self._refusals)
        try:
            key = self._admitted(scope)
        except ProblemError as problem:
            await _answer(scope, answer.send, problem)
            if problem.code is Code.UNAUTHENTICATED:
                self._refusals.tell()
            return
        scope["user"] = key
        if scope["method"] == "OPTIONS":
            # No page elsewhere may use the API. Litestar's own answer to it misses methods.
            scope["method"] = "NONE"  # type: ignore[typeddict-item]
        try:
            await self._forward(scope, receive, answer)
        finally:
            log = _log.debug if _is_routine(scope) else _log.info
            if answer.status == HTTPStatus.UNAUTHORIZED:
                # Somebody tries keys at the form.
                log = _log.debug
                self._refusals.tell()
            log(
                "request",
                method=scope["method"],
                path=scope["path"],
                status=answer.status,
                seconds=round(time.monotonic() - started, 4),
                key=None if key is None else key.name,
            )

    async def _forward(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        try:
            await self._app(scope, receive, answer.send)
        except asyncio.CancelledError:
            # The server ends, and this did not by itself.
            if not answer.status:
                await _answer(scope, answer.send, shutting_down())
        except Exception as error:
            # Where the answer has begun, an end without its last bytes has uvicorn close the connection.
            if not (answer.status and _is_known(error)):
                raise
            _log.warning("an answer was cut short", path=scope["path"], why=str(_first(error)))

    def _admitted(self, scope: Scope) -> Key | None:
        """The key of the request; None where it needs none. Raises `ProblemError`."""
        path = scope["path"]
        if path not in PROBES and _host_of(field_of(scope, b"host")) not in self._hosts:
            raise ProblemError(Code.BAD_INPUT, "this Host is not one of the server's (SERVE_HOSTS)")
        if path in OPEN or path.startswith(_ASSETS) or _is_printed(scope):
            return None
        scheme, _, secret = field_of(scope, b"authorization").partition(b" ")
        if scheme:
            key = self._keys.find(secret.strip()) if scheme.lower() == b"bearer" else None
            expected = "expected `Authorization: Bearer KEY`, with a key that holds"
        else:
            key = self._signed_in(scope)
            expected = "expected `Authorization: Bearer KEY`, or the cookie of a session that has not ended"
        if key is None:
            raise ProblemError(Code.UNAUTHENTICATED, expected)
        return key

    def _signed_in(self, scope: Any) -> Key | None:
        """The key of the session; None without one. Raises `ProblemError` for a change from elsewhere."""
        found = self._sessions.find(session_name(scope))
        if found is None:
            return None
        if scope["method"] not in READING and not is_same_origin(scope):
            raise ProblemError(
                Code.FORBIDDEN,
                "the Origin of this request is not this server: a proxy before it has to pass Host as it"
                " comes, port and all, and X-Forwarded-Proto",
            )
        scope["auth"] = found.session
        return found.key


def _is_routine(scope: Any) -> bool:
    """Whether nobody asked for it: a probe, a file of a page, or what the page's script reads anew."""
    path = scope["path"]
    is_reading = scope["method"] == "GET" and _LIVE.fullmatch(path) is not None
    by_script = field_of(scope, b"sec-fetch-dest") == b"empty"
    return path in PROBES or path.startswith(_ASSETS) or (is_reading and by_script)


class _Answer:
    """The answer as it is sent."""

    def __init__(self, scope: Scope, send: Send, refusals: Refusals) -> None:
        self._scope = scope
        self._send = send
        self._refusals = refusals
        self.status = 0
        """0 until it has begun."""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if self.status == HTTPStatus.UNAUTHORIZED and (delay := self._refusals.delay()):
                let_go(self._scope)
                await asyncio.sleep(delay)
        await self._send(message)


def _is_known(error: Exception) -> bool:
    """Whether it is of ours; a stream wraps it."""
    if isinstance(error, ExceptionGroup):
        return all(map(_is_known, error.exceptions))
    return isinstance(error, BulkActivateError | ProblemError)


def _first(error: Exception) -> Exception:
    return _first(error.exceptions[0]) if isinstance(error, ExceptionGroup) else error


def _is_printed(scope: Any) -> bool:
    """Whether it is the address that is printed where there is no keys file: the page takes its key."""
    return bool(scope["path"] == "/" and scope["query_string"].startswith(b"key="))


def _host_of(field: bytes) -> str:
    """The host of a `Host` field, in lower case, without the port."""
    text = field.decode("latin-1").lower()
    host, colon, port = text.rpartition(":")
    return host if colon and (port.isdigit() or not port) and not host.endswith(":") else text


async def _answer(scope: Scope, send: Send, problem: ProblemError) -> None:
    status, fields, body = refusal(scope, problem, None)
    fields["content-length"] = str(len(body))
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(name.encode(), value.encode()) for name, value in fields.items()],
        }
    )
    await send({"type": "http.response.body", "body": body, "more_body": False})
