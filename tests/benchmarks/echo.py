"""A fast API in a process of its own that reports every id as activated.

    python -m tests.benchmarks.echo [--latency SECONDS]      # prints its URL; ends when stdin ends

It parses each request (head, length, JSON) and answers from one event loop, since a framework would cost more
than the measured clients. It reports when the first and the last request came, so that the speed of every
client is measured by one clock, without its start and end.
"""

import argparse
import asyncio
import sys
import threading
import time
from dataclasses import asdict, dataclass
from email.utils import formatdate
from functools import lru_cache
from typing import Any, Final

import msgspec

STATS: Final = "/stats"
RESET: Final = "/reset"
_END: Final = b"\r\n\r\n"


class _Body(msgspec.Struct):
    ids: list[str]


@dataclass(slots=True)
class RequestCounter:
    """Counts activate requests since the last reset. Times are monotonic seconds."""

    requests: int = 0
    ids: int = 0
    first: float = 0.0
    last: float = 0.0

    def count(self, ids: int, now: float) -> None:
        if not self.requests:
            self.first = now
        self.last = now
        self.requests += 1
        self.ids += ids


class Api:
    def __init__(self, latency: float) -> None:
        self.latency = latency
        self.counter = RequestCounter()
        self._decode = msgspec.json.Decoder(_Body).decode
        self._encode = msgspec.json.Encoder().encode

    def activate(self, body: bytes) -> bytes:
        ids = self._decode(body).ids
        self.counter.count(len(ids), time.monotonic())
        return self._encode(self.result_lists(ids))

    def result_lists(self, ids: list[str]) -> dict[str, list[Any]]:
        return {"successes": ids, "failures": []}

    def stats(self) -> dict[str, float]:
        return asdict(self.counter)

    def answer(self, path: str, body: bytes) -> tuple[bytes, float]:
        """The answer, and the seconds until it is due. Raises `msgspec.DecodeError` for bad bodies."""
        if path.endswith("/activate"):
            return self.activate(body), self.latency
        if path.endswith("/authorize"):
            return self._encode({"access_token": "an-access-token", "expires_in": 1799}), 0.0
        content = self._encode(self.stats())
        if path == RESET:
            self.counter = RequestCounter()
        return content, 0.0


class Connection(asyncio.Protocol):
    """The subset of HTTP/1.1 that the clients use: bodies with a length, one request after another."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._left = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._left += data
        while (at := self._left.find(_END)) >= 0:
            head = self._left[:at].decode("ascii")
            ends = at + len(_END) + _length(head)
            if len(self._left) < ends:
                return
            body, self._left = self._left[at + len(_END) : ends], self._left[ends:]
            content, delay = self._api.answer(head.split(" ", 2)[1], body)
            if delay:
                asyncio.get_running_loop().call_later(delay, self._send, content)
            else:
                self._send(content)

    def _send(self, content: bytes) -> None:
        assert self._transport is not None
        self._transport.write(
            b"HTTP/1.1 200 OK\r\nDate: %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
            % (_date(int(time.time())), len(content), content)
        )


@lru_cache(maxsize=1)
def _date(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode()


def _length(head: str) -> int:
    for line in head.split("\r\n")[1:]:
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            return int(value)
    return 0


async def serve(api: Api) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(api), "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)  # noqa: T201 -- the starter reads it.
    over = asyncio.Event()
    threading.Thread(
        target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(over.set)), daemon=True
    ).start()
    await over.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds")
    asyncio.run(serve(Api(parser.parse_args().latency)))
