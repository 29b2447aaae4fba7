"""A minimal HTTP/1.1 server protocol: bytes in, bytes out.

It is so cheap that it never limits a measurement. Requests may come in
pieces, or several at once; they are answered in their order. Bodies need a `Content-Length`.
"""

import asyncio
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

_LENGTH: Final = re.compile(rb"(?i)\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n")
_CHUNKED: Final = re.compile(rb"(?i)\r\ntransfer-encoding:")
_CLOSE: Final = re.compile(rb"(?i)\r\nconnection:[ \t]*close[ \t]*\r\n")
_MOST_HEAD: Final = 65_536
_END: Final = b"\r\n\r\n"


class BadRequestError(Exception):
    """The data is no request that this server understands, so the rest of the connection is unusable."""


@dataclass(frozen=True, slots=True)
class Request:
    method: bytes
    path: bytes
    body: bytes
    close: bool
    """The client wants no further request on this connection."""


@dataclass(frozen=True, slots=True)
class Answer:
    data: bytes
    """As it goes out, made by `response`."""
    delay: float = 0.0
    """Seconds until then."""


Serve = Callable[[Request], Answer]


def response(status: int, body: bytes, headers: bytes = b"", kind: bytes = b"application/json") -> bytes:
    """`headers` are whole lines, each with its end."""
    phrase = HTTPStatus(status).phrase.encode()
    return b"HTTP/1.1 %d %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n%b\r\n%b" % (
        status,
        phrase,
        kind,
        len(body),
        headers,
        body,
    )


def take(buffer: bytearray) -> Request | None:
    """The first request in `buffer`, taken out of it; None until it is whole. Raises `BadRequestError`."""
    end = buffer.find(_END)
    if end < 0:
        if len(buffer) > _MOST_HEAD:
            raise BadRequestError("no end of the head")
        return None
    head = bytes(buffer[: end + len(_END)])
    line = head[: head.index(b"\r\n")].split(b" ")
    if len(line) != 3 or _CHUNKED.search(head):
        raise BadRequestError("a request line of three words and a Content-Length were expected")
    length = int(found[1]) if (found := _LENGTH.search(head)) else 0
    whole = len(head) + length
    if len(buffer) < whole:
        return None
    body = bytes(buffer[len(head) : whole])
    del buffer[:whole]
    return Request(line[0], line[1], body, line[2] != b"HTTP/1.1" or _CLOSE.search(head) is not None)


class Connection(asyncio.Protocol):
    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self._buffer = bytearray()
        self._due: deque[tuple[bytes, bool]] = deque()
        """Answers that wait for their time, in the order of their requests."""
        self._last_due = 0.0
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        try:
            while (request := take(self._buffer)) is not None:
                self._answer(self._serve(request), close=request.close)
        except BadRequestError:
            self._answer(Answer(response(HTTPStatus.BAD_REQUEST, b"{}")), close=True)

    def _answer(self, answer: Answer, *, close: bool) -> None:
        self._due.append((answer.data, close))
        if answer.delay <= 0 and len(self._due) == 1:
            self._send_first()
        else:
            # Never before those that are due before it; whichever timer is first sends the first.
            self._last_due = max(self._last_due, self._loop.time() + answer.delay)
            self._loop.call_at(self._last_due, self._send_first)

    def _send_first(self) -> None:
        data, close = self._due.popleft()
        if self._transport is not None:
            self._transport.write(data)
            if close:
                self._transport.close()
