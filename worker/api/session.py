"""The one HTTP session of a worker process, and what may go wrong on the wire, in our words.

Redirects are never followed, TLS is verified, bodies are bounded, cookies and proxies are not used.
"""

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from worker.core.answer import MAX_BODY, NoReply, Reply
from worker.settings import Settings

_KEEP_ALIVE: Final = 30.0
"""Seconds that an idle connection is kept. Shorter than common servers' own limit (60 to 75 s), since a
request on a connection that the server just closed is an answer lost."""

_LONGEST_HEADER: Final = 16 << 10
"""Bytes of a header's line. Gateways send some of 9 kB; aiohttp's own limit is 8,190."""
_MOST_HEADERS: Final = 400

_FIRST_SENTENCE: Final = re.compile(r"[^'\"\n:]*")
"""Of what aiohttp says of an answer that it refuses: what follows quotes the answer."""

_BEFORE_SENDING: Final = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)
"""Faults after which the request cannot have reached the API."""


def make_session(settings: Settings) -> aiohttp.ClientSession:
    """To be made on the worker's loop and closed at its end."""
    connector = aiohttp.TCPConnector(
        limit=0,  # The lanes bound what is in flight; a second bound here would hide waiting time.
        keepalive_timeout=_KEEP_ALIVE,
    )
    return aiohttp.ClientSession(
        base_url=settings.api_url,
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=settings.request_timeout, sock_connect=settings.connect_timeout),
        headers={"User-Agent": f"bulk-activation-worker/{_version()}", "Accept": "application/json"},
        cookie_jar=aiohttp.DummyCookieJar(),
        raise_for_status=False,
        trust_env=False,
        read_bufsize=MAX_BODY,
        max_line_size=_LONGEST_HEADER,
        max_field_size=_LONGEST_HEADER,
        max_headers=_MOST_HEADERS,
    )


async def post(
    session: aiohttp.ClientSession, path: str, body: bytes, headers: Mapping[str, str]
) -> Reply | NoReply:
    """Posts `body` and reads at most `MAX_BODY` of the answer. Raises nothing that the network causes."""
    try:
        async with session.post(path, data=body, headers=headers, allow_redirects=False) as response:
            content = await _bounded(response)
            if len(content) > MAX_BODY and response.status == HTTPStatus.OK:
                response.close()
                return NoReply("ANSWER_TOO_LARGE", f"the answer exceeds {MAX_BODY} bytes", sent=True)
            return Reply(response.status, response.headers, content[:MAX_BODY])
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        return no_reply(error)


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    """The body, or a little more than `MAX_BODY` of it: an endless one is left where it is."""
    chunks: list[bytes] = []
    length = 0
    # As `iter_any`, without a generator for what nearly always is one chunk.
    while chunk := await response.content.readany():
        chunks.append(chunk)
        length += len(chunk)
        if length > MAX_BODY:
            response.close()
            break
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def no_reply(error: Exception) -> NoReply:
    """What a fault of the HTTP library means. The message names no URL, no header, no body."""
    sent = not isinstance(error, _BEFORE_SENDING)
    return NoReply(_name(error), _message(error), sent)


def _name(error: Exception) -> str:
    names: Iterable[tuple[type[Exception] | tuple[type[Exception], ...], str]] = (
        (_BEFORE_SENDING, "NO_CONNECTION"),
        (TimeoutError, "TIMED_OUT"),
        (aiohttp.ServerDisconnectedError, "CONNECTION_CLOSED"),
        (aiohttp.ClientPayloadError, "ANSWER_CUT_SHORT"),
        (OSError, "CONNECTION_RESET"),
    )
    return next((name for kind, name in names if isinstance(error, kind)), "BAD_ANSWER")


def _message(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "the server's certificate could not be verified"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    # Of an answer that is cut short, or wrongly compressed, the cause says more.
    for told in (error, error.__cause__):
        if isinstance(told, aiohttp.ClientResponseError | HttpProcessingError):
            sentence = _FIRST_SENTENCE.match(told.message)
            return f"the answer cannot be read: {sentence[0].strip() if sentence else ''}".rstrip(": ")
    return (
        "the answer was cut short" if isinstance(error, aiohttp.ClientPayloadError) else type(error).__name__
    )


def _version() -> str:
    try:
        return version("bulk-activation-worker")
    except PackageNotFoundError:
        return "0"
