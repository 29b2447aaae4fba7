"""A forward proxy that makes tunnels, forwards requests, requires a login, or fails."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class ForwardProxy:
    """A proxy whose fields choose its behaviour.

    `login`: the required `Proxy-Authorization`. `answer`: bytes sent instead of making a tunnel. `silent`:
    never answers. `inspects`: terminates TLS with this certificate, as inspecting firewalls do. `tls`: the
    proxy itself is reached by TLS.
    """

    login: str | None = None
    answer: bytes | None = None
    silent: bool = False
    inspects: ssl.SSLContext | None = None
    tls: ssl.SSLContext | None = None
    requests: list[str] = field(default_factory=list)
    """First line of each request, with its login."""
    url: str = ""
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await self._answer(reader, writer)
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        line, *fields = head.decode().split("\r\n")
        login = next((f for f in fields if f.lower().startswith("proxy-authorization:")), "")
        self.requests.append(f"{line} {login}".strip())
        if self.silent:
            await asyncio.Event().wait()
        elif self.answer is not None:
            writer.write(self.answer)
        elif self.login is not None and login.partition(": ")[2] != self.login:
            writer.write(b"HTTP/1.1 407 Login\r\nProxy-Authenticate: Basic realm=x\r\n")
            writer.write(b"Content-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>")
        else:
            method, target, _ = line.split(" ")
            address = urlsplit(f"//{target}" if method == "CONNECT" else target)
            target_streams = await asyncio.open_connection(
                address.hostname, address.port, ssl=None if self.inspects is None else _unverified()
            )
            try:
                if method == "CONNECT":
                    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    await writer.drain()
                    if self.inspects is not None:
                        await writer.start_tls(self.inspects)
                else:
                    target_streams[1].write(head.replace(target.encode(), address.path.encode() or b"/", 1))
                await _join((reader, writer), target_streams)
            finally:
                target_streams[1].close()
        await writer.drain()

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self.serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def end(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def forward_proxy(proxy: ForwardProxy) -> AsyncIterator[ForwardProxy]:
    server = await asyncio.start_server(proxy.connected, "127.0.0.1", 0, ssl=proxy.tls)
    scheme = "http" if proxy.tls is None else "https"
    proxy.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        await proxy.end()
        await server.wait_closed()


async def _join(client_streams: Streams, target_streams: Streams) -> None:
    """Forwards data in both directions until one side closes."""
    pumps = [
        asyncio.create_task(_pump(client_streams[0], target_streams[1])),
        asyncio.create_task(_pump(target_streams[0], client_streams[1])),
    ]
    try:
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()


def _unverified() -> ssl.SSLContext:
    """An inspecting proxy verifies nothing here."""
    tls = ssl.create_default_context()
    tls.check_hostname = False
    tls.verify_mode = ssl.CERT_NONE
    return tls
