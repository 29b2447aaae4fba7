"""Bounds on connections, of which uvicorn sets none (Kludex/uvicorn#157).

A client that sends its request slowly, or nothing at all, is cut off after some seconds. At the most
connections that there may be, the one that has been waited for the longest makes room for a new one: who says
nothing can lock out nobody who speaks. A request that has come whole is never cut here; a client that does
not read its answer is cut by the system, by an option of the listening socket.
"""

import asyncio
from typing import Any, ClassVar, Final, cast

import h11
import msgspec
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from producers.web.limits import Limits
from producers.web.problems import MEDIA_TYPE, Code, ProblemError, document

_ANSWERABLE: Final = (h11.IDLE, h11.SEND_RESPONSE)
"""States of h11 in which an answer can still begin."""
_CONNECTION: Final = "connection"


class Waiting:
    """The connections of a server that owe it the head of a request, the oldest first."""

    def __init__(self, limits: Limits) -> None:
        self.limits: Final = limits
        self._timers: dict[H11Protocol, asyncio.TimerHandle] = {}

    def add(self, connection: "Connection") -> None:
        if connection not in self._timers:
            self._timers[connection] = asyncio.get_running_loop().call_later(self.limits.head, connection.cut)

    def remove(self, connection: H11Protocol) -> None:
        if (timer := self._timers.pop(connection, None)) is not None:
            timer.cancel()

    def make_room(self) -> None:
        """Cuts the oldest."""
        oldest = next(iter(self._timers))
        self.remove(oldest)
        oldest.transport.abort()


class _Lingering:
    """A transport whose end a client hears of that still sends a body: it has its answer by then.

    Closed at once, the system would refuse the rest of the body by a reset, at which clients and proxies drop
    what they have not read yet.
    """

    def __init__(self, transport: asyncio.Transport, conn: h11.Connection) -> None:
        self._transport = transport
        self._conn = conn
        self.lingers = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def close(self) -> None:
        if self._conn.their_state is h11.SEND_BODY and not self.is_closing():
            self.lingers = True
            self._transport.write_eof()
            self._transport.resume_reading()
        else:
            self._transport.close()

    def is_closing(self) -> bool:
        return self.lingers or self._transport.is_closing()


class Connection(H11Protocol):
    waiting: ClassVar[Waiting]

    def connection_made(self, transport: Any) -> None:
        # uvicorn hands it to each request.
        self.app_state = {**self.app_state, _CONNECTION: self}
        self._let_go: RequestResponseCycle | None = None
        self._lingering = _Lingering(transport, self.conn)
        super().connection_made(cast("asyncio.Transport", self._lingering))
        self._await_head()
        if len(self.connections) > self.waiting.limits.connections:
            # Where all others have a request, it is this one.
            self.waiting.make_room()

    def data_received(self, data: bytes) -> None:
        if not self._lingering.lingers:
            super().data_received(data)
            self._await_head()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self.waiting.remove(self)
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        # In the middle of an answer, or after it, h11 could send nothing.
        if self.conn.our_state in _ANSWERABLE:
            self.transport.write(_malformed(msg))
        self.transport.close()

    def _await_head(self) -> None:
        """Gives the next request its time, unless one is answered at present."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete or cycle is self._let_go:
            self.waiting.add(self)
        else:
            self.waiting.remove(self)

    def let_go(self) -> None:
        self._let_go = self.cycle
        self._await_head()

    def cut(self) -> None:
        """Ends it, unless its client still reads the last answer."""
        self.waiting.remove(self)
        if self.transport.get_write_buffer_size():
            self.waiting.add(self)
        else:
            self.transport.abort()


def let_go(scope: Any) -> None:
    """Has the connection of a request count as one without: it may be cut to make room."""
    connection: Connection = scope["state"][_CONNECTION]
    connection.let_go()


def bounded(limits: Limits) -> type[Connection]:
    """The class of the connections of one server, which share the bounds."""
    return type("BoundedConnection", (Connection,), {"waiting": Waiting(limits)})


def _malformed(why: str) -> bytes:
    body = msgspec.json.encode(document(ProblemError(Code.BAD_INPUT, why), ""))
    head = f"HTTP/1.1 400 Bad Request\r\ncontent-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\n"
    return f"{head}connection: close\r\n\r\n".encode() + body
