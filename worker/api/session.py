"""The HTTP session of a worker process, and its errors as values.

It follows no redirects, verifies TLS, bounds bodies and uses no cookies. Proxies are set by
`worker.api.network`, not by the library's `trust_env`, which would also read passwords from netrc.
"""

import re
from collections.abc import Coroutine, Iterable, Mapping
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from worker.api.connector import ApiConnector, ConnectAttempt, NotConnectedError, connect_fault, login_refused
from worker.api.network import make_tls, proxy_for
from worker.core.answers.reply import MAX_BODY, NoReply, Reply
from worker.settings import Settings

_MAX_HEADER: Final = 16 << 10
"""Bytes of a header at most. Some gateways send 9 kB; aiohttp's default limit is 8,190."""
_MAX_HEADERS: Final = 400

_UNSENDABLE: Final = re.compile(r"[^\x01-\x09\x0b\x0c\x0e-\x7f]")
"""What aiohttp refuses in the value of a header."""

_FIRST_SENTENCE: Final = re.compile(r"[^'\"\n:]*")
"""The part of aiohttp's message about an unreadable answer that does not quote the answer."""


def make_session(settings: Settings) -> aiohttp.ClientSession:
    """Makes the session. Call it on the worker's event loop, and close the session there."""
    proxy = proxy_for(settings)
    forwards = settings.api_url.startswith("http:")
    connector = ApiConnector(
        proxy, make_tls(settings), forwards=forwards, url=settings.api_url, timeout=settings.request_timeout
    )
    headers = {"User-Agent": f"bulk-activation-worker/{_version()}", "Accept": "application/json"}
    if forwards and connector.proxy_headers is not None:
        # Without a tunnel the proxy reads the headers of the request itself.
        headers |= connector.proxy_headers
    return aiohttp.ClientSession(
        base_url=settings.api_url,
        connector=connector,
        proxy=None if proxy is None else proxy.url,
        # The whole request is timed by `Deadlines`.
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=settings.connect_timeout),
        headers=headers,
        cookie_jar=aiohttp.DummyCookieJar(),
        raise_for_status=False,
        trust_env=False,
        read_bufsize=MAX_BODY,
        max_line_size=_MAX_HEADER,
        max_field_size=_MAX_HEADER,
        max_headers=_MAX_HEADERS,
    )


def absolute_url(session: aiohttp.ClientSession, path: str) -> URL:
    """The URL of `path`, an absolute path that needs no further encoding, at the API of `session`."""
    return _connector_of(session).url.join(URL(path, encoded=True))


def can_be_sent(headers: Mapping[str, str]) -> bool:
    """Whether aiohttp accepts the values of `headers`. aiohttp itself checks only after it has connected."""
    return not any(_UNSENDABLE.search(value) for value in headers.values())


async def post(
    session: aiohttp.ClientSession, path: str, body: bytes, headers: Mapping[str, str]
) -> Reply | NoReply:
    """Posts `body` and reads at most `MAX_BODY` bytes of the answer. Network errors become `NoReply`."""
    if not can_be_sent(headers):
        return unsendable()
    return await post_ready(session, absolute_url(session, path), body, headers)


def post_ready(
    session: aiohttp.ClientSession, url: URL, body: bytes, headers: Mapping[str, str]
) -> Coroutine[Any, Any, Reply | NoReply]:
    """Posts `body` as `post` does; `url` and `headers` were made and checked once for many requests."""
    return _request(session, "POST", url, body, headers)


async def get(session: aiohttp.ClientSession, path: str) -> Reply | NoReply:
    """Gets `path`, with the same bounds."""
    return await _request(session, "GET", absolute_url(session, path), None, {})


def unsendable() -> NoReply:
    return NoReply("NO_CONNECTION", "a header of the request cannot be what it is to be", sent=False)


def _connector_of(session: aiohttp.ClientSession) -> ApiConnector:
    connector = session.connector
    if not isinstance(connector, ApiConnector):
        raise TypeError("expected a session of `make_session`")
    return connector


async def _request(
    session: aiohttp.ClientSession, method: str, url: URL, body: bytes | None, headers: Mapping[str, str]
) -> Reply | NoReply:
    connector = _connector_of(session)
    attempt = ConnectAttempt()
    try:
        with connector.deadlines:
            return await _exchange(session, connector, method, url, body, headers)
    except NotConnectedError as error:
        return NoReply("NO_CONNECTION", str(error), sent=False)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        if not attempt.connected:
            return NoReply("NO_CONNECTION", connect_fault(error, connector.proxy), sent=False)
        return no_reply(error)


async def _exchange(
    session: aiohttp.ClientSession,
    connector: ApiConnector,
    method: str,
    url: URL,
    body: bytes | None,
    headers: Mapping[str, str],
) -> Reply | NoReply:
    response = await session.request(
        method,
        url,
        data=body,
        headers=headers,
        allow_redirects=False,
        proxy_headers=connector.proxy_headers,
    )
    content = await _read_bounded(response)
    status = response.status
    if connector.forwarder is not None and status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return NoReply("NO_CONNECTION", login_refused(connector.forwarder), sent=False)
    if len(content) > MAX_BODY and status == HTTPStatus.OK:
        return NoReply("ANSWER_TOO_LARGE", f"the answer exceeds {MAX_BODY} bytes", sent=True)
    return Reply(status, response.headers, content[:MAX_BODY])


async def _read_bounded(response: aiohttp.ClientResponse) -> bytes:
    """Reads the body up to a little more than `MAX_BODY` bytes. Where more would come, or reading fails, the
    connection is closed; at the body's end the library itself has it ready for the next request.
    """
    chunks: list[bytes] = []
    length = 0
    try:
        # As `iter_any`, but without a generator: there is nearly always one chunk.
        while length <= MAX_BODY and not response.content.at_eof():
            chunk = await response.content.readany()
            chunks.append(chunk)
            length += len(chunk)
    except BaseException:
        response.close()
        raise
    if length > MAX_BODY:
        response.close()
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def no_reply(error: Exception) -> NoReply:
    """Describes an error after a connection was made, when the request may have arrived.

    The message contains no URL, header or body.
    """
    return NoReply(_name(error), _message(error), sent=True)


def _name(error: Exception) -> str:
    names: Iterable[tuple[type[Exception], str]] = (
        (TimeoutError, "TIMED_OUT"),
        (aiohttp.ServerDisconnectedError, "CONNECTION_CLOSED"),
        (aiohttp.ClientPayloadError, "ANSWER_CUT_SHORT"),
        (OSError, "CONNECTION_RESET"),
    )
    return next((name for kind, name in names if isinstance(error, kind)), "BAD_ANSWER")


def _message(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    # For a truncated or badly compressed answer the cause says more.
    for cause in (error, error.__cause__):
        if isinstance(cause, aiohttp.ClientResponseError | HttpProcessingError):
            sentence = _FIRST_SENTENCE.match(cause.message)
            return f"the answer cannot be read: {sentence[0].strip() if sentence else ''}".rstrip(": ")
    return (
        "the answer was cut short" if isinstance(error, aiohttp.ClientPayloadError) else type(error).__name__
    )


def _version() -> str:
    try:
        return version("bulk-activation-worker")
    except PackageNotFoundError:
        return "0"
