"""A proxy in front of a real Redis that delays data in both directions, as a distant server would.

    python -m tests.redis.distance REDIS_URL ROUND_TRIP JITTER     seconds; prints the URL to use

It is a process of its own, so that the measured process does not pay for it. It exits when its stdin ends.
"""

import asyncio
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final
from urllib.parse import urlsplit

from tests.child_process import child_process

_CHUNK: Final = 65_536


@contextmanager
def far_away(redis_url: str, round_trip: float, jitter: float = 0.0) -> Iterator[str]:
    """Yields a URL at which `redis_url` is `round_trip` seconds away, with up to `jitter` more or less."""
    with child_process("tests.redis.distance", redis_url, str(round_trip), str(jitter)) as child:
        yield child.first_line


class Distance:
    def __init__(self, redis_url: str, round_trip: float, jitter: float) -> None:
        self._path = urlsplit(redis_url).path
        self._way = round_trip / 2
        self._jitter = jitter / 2
        self._pumps: set[asyncio.Task[None]] = set()

    async def serve(self) -> asyncio.Server:
        return await asyncio.start_server(self._connected, "127.0.0.1", 0)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_server, from_server = await asyncio.open_unix_connection(self._path)
        for source, target in ((reader, from_server), (to_server, writer)):
            pump = asyncio.create_task(self._pump(source, target))
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        """Delays data and keeps its order, as a connection does."""
        loop, arrives = asyncio.get_running_loop(), 0.0
        with suppress(OSError):
            while data := await source.read(_CHUNK):
                takes = self._way + random.uniform(-self._jitter, self._jitter)
                arrives = max(arrives, loop.time() + takes)
                loop.call_at(arrives, target.write, data)
        loop.call_at(max(arrives, loop.time() + self._way), target.close)


async def main() -> None:
    url, *numbers = sys.argv[1:]
    server = await Distance(url, *map(float, numbers)).serve()
    port = server.sockets[0].getsockname()[1]
    sys.stdout.write(f"redis://127.0.0.1:{port}/0\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
