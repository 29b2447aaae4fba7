"""The simulator in this process, used and controlled over HTTP."""

import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp.test_utils import TestServer

from worker.simulator.config import configured
from worker.simulator.server import make_app


class StandIn:
    """A running simulator."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self.url = url

    async def control(self, **orders: Any) -> None:
        async with self._session.post("/control", json=orders, raise_for_status=True):
            pass

    async def stats(self) -> dict[str, Any]:
        async with self._session.get("/stats", raise_for_status=True) as response:
            found: dict[str, Any] = await response.json()
            return found

    async def requests(self) -> int:
        return int((await self.stats())["requests"])

    async def world(self) -> dict[str, dict[str, Any]]:
        """The simulator's record of each id, by id."""
        async with self._session.get("/world", raise_for_status=True) as response:
            lines = [json.loads(line) async for line in response.content]
        return {line["id"]: line for line in lines}


@asynccontextmanager
async def stand_in(
    api_token: str | None = None, now: Callable[[], float] = time.monotonic, **options: Any
) -> AsyncIterator[StandIn]:
    server = TestServer(make_app(configured(options), api_token, now=now))
    # Requests that still hang were meant to hang.
    await server.start_server(shutdown_timeout=0.1)
    try:
        url = str(server.make_url("/")).rstrip("/")
        async with aiohttp.ClientSession(url) as session:
            yield StandIn(session, url)
    finally:
        await server.close()
