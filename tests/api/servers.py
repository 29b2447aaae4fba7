"""Servers for the client: one that sends any bytes, and one that records requests."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web
from aiohttp.test_utils import TestServer

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""What the server does with a connection after it has read a request."""

AUTHORIZE: Final = "/csp/gateway/am/api/auth/api-tokens/authorize"


@asynccontextmanager
async def raw(talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """The URL of a server that reads a request and then calls `talk`. Its connections close with it."""
    talks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await read_request(reader)
            await talk(reader, writer)
        writer.close()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(serve(reader, writer))
        talks.add(task)
        task.add_done_callback(talks.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    finally:
        server.close()
        for task in list(talks):
            task.cancel()
        await asyncio.gather(*talks)
        await server.wait_closed()


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """Reads one request with its body."""
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [
        line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    ]
    return head + await reader.readexactly(int(lengths[0]))


def answering(answer: bytes) -> Talk:
    """Sends the bytes of `answer` and closes the connection."""

    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    return talk


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """A request as received."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Recorder:
    """Records each request and answers it with the next of `answers`; the last one repeats."""

    answers: list[web.Response | Callable[[], Awaitable[web.Response]]]
    seen: list[SeenRequest] = field(default_factory=list)
    url: str = ""

    async def handle(self, request: web.Request) -> web.Response:
        self.seen.append(
            SeenRequest(request.method, request.path, dict(request.headers), await request.read())
        )
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if not isinstance(answer, web.Response):
            return await answer()
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body)


@asynccontextmanager
async def recording(
    *answers: web.Response | Callable[[], Awaitable[web.Response]],
) -> AsyncIterator[Recorder]:
    """A recorder that listens on loopback."""
    recorder = Recorder(list(answers))
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", recorder.handle)
    server = TestServer(app)
    await server.start_server(shutdown_timeout=0.1)
    recorder.url = str(server.make_url("/"))
    try:
        yield recorder
    finally:
        await server.close()
