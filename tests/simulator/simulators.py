"""Runs the simulator for tests: in this process over a real socket, or as a process."""

import asyncio
import io
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
from aiohttp.test_utils import TestServer

from worker.simulator.config import configured
from worker.simulator.server import make_app

ROOT: Final = Path(__file__).resolve().parents[2]
ORG: Final = "0f2c1d6e-0000-4000-8000-000000000001"
DEADLINE: Final = 60.0
"""Seconds until a test gives up. What is waited for should come at once."""


@dataclass(slots=True)
class Clock:
    """A clock that a test sets."""

    at: float = 1000.0

    def __call__(self) -> float:
        return self.at


@dataclass(slots=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: Any


class Api:
    """A client of the simulator that retries nothing."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self.token = ""

    async def authorize(self, **form: str) -> Reply:
        return await self.post("/csp/gateway/am/api/auth/api-tokens/authorize", data=form)

    async def sign_in(self) -> None:
        self.token = (await self.authorize(api_token="made-up")).body["access_token"]

    async def activate(self, *ids: str, org: str = ORG) -> Reply:
        return await self.post_ids(json.dumps({"ids": ids}), org=org)

    async def post_ids(self, body: str | bytes | io.BytesIO, *, org: str = ORG, **headers: str) -> Reply:
        sent = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        path = f"/csp/gateway/am/api/orgs/{org}/api-tokens/activate"
        return await self.post(path, data=body, headers={**sent, **headers})

    async def raw(self, *ids: str) -> bytes:
        """The body of an answer, which may be no JSON."""
        path = f"/csp/gateway/am/api/orgs/{ORG}/api-tokens/activate"
        headers = {"Authorization": f"Bearer {self.token}"}
        async with self._session.post(path, json={"ids": ids}, headers=headers) as response:
            return await response.read()

    async def head_of(self, *ids: str) -> tuple[int, dict[str, str]]:
        """The status and headers of any answer."""
        path = f"/csp/gateway/am/api/orgs/{ORG}/api-tokens/activate"
        headers = {"Authorization": f"Bearer {self.token}"}
        request = self._session.post(
            path,
            json={"ids": ids},
            headers=headers,
            allow_redirects=False,
            max_field_size=16_384,
            max_headers=400,
        )
        async with request as response:
            return response.status, dict(response.headers)

    async def post(self, path: str, **request: Any) -> Reply:
        async with self._session.post(path, **request) as response:
            is_json = response.content_type == "application/json"
            body = await (response.json() if is_json else response.text())
            return Reply(response.status, dict(response.headers), body)

    async def control(self, **orders: Any) -> Reply:
        return await self.post("/control", json=orders)

    async def stats(self) -> dict[str, Any]:
        async with self._session.get("/stats") as response:
            found: dict[str, Any] = await response.json()
            return found

    async def world(self, **query: str) -> list[dict[str, Any]]:
        async with self._session.get("/world", params=query) as response:
            return [json.loads(line) async for line in response.content]

    async def until(self, reached: Callable[[dict[str, Any]], bool]) -> None:
        """Waits until the statistics satisfy a condition."""
        async with asyncio.timeout(DEADLINE):
            while not reached(await self.stats()):
                pass


@asynccontextmanager
async def simulated(
    *, api_token: str | None = None, now: Callable[[], float] | None = None, **options: Any
) -> AsyncIterator[Api]:
    """A simulator in this process, and a client with an access token unless exchanges are refused."""
    clock = now or Clock()
    server = TestServer(make_app(configured(options), api_token, now=clock, wall=lambda: 0.0))
    # What hangs at the end of a test is what the test wanted to hang.
    await server.start_server(shutdown_timeout=0.1)
    try:
        async with aiohttp.ClientSession(server.make_url("/")) as session:
            api = Api(session)
            if api_token is None:
                await api.sign_in()
            yield api
    finally:
        await server.close()


@contextmanager
def process(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """The simulator as a process, stopped at the end if it is still running."""
    started = subprocess.Popen(
        [sys.executable, "-m", "worker.simulator", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment},
    )
    try:
        yield started
    finally:
        started.kill()
        started.communicate()
