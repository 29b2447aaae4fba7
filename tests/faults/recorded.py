"""The stand-in for the API in this process, with a note of who sent what and when."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from aiohttp import web
from aiohttp.typedefs import Handler

from tests.e2e.stack import PATIENCE, TOKEN, Simulator
from worker.simulator.config import configured
from worker.simulator.server import make_app


class Sent(NamedTuple):
    at: float
    """Monotonic seconds."""
    who: str
    """The access token: each worker process exchanges one of its own."""
    beside: int
    """Other requests that were under way when it came."""


@dataclass
class Recorded(Simulator):
    sent: list[Sent] = field(default_factory=list)
    under_way: int = 0

    def first(self, since: float = 0.0) -> dict[str, float]:
        """Who sent after `since`, and when first."""
        moments: dict[str, float] = {}
        for each in list(self.sent):
            if each.at > since:
                moments.setdefault(each.who, each.at)
        return moments

    def after(self, moment: float) -> list[Sent]:
        return [each for each in list(self.sent) if each.at > moment]


@contextmanager
def recorded(**config: Any) -> Iterator[Recorded]:
    found = Recorded("")
    ready, loop, over = threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    @web.middleware
    async def note(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.endswith("/activate"):
            return await handler(request)
        found.sent.append(Sent(time.monotonic(), request.headers["Authorization"], found.under_way))
        found.under_way += 1
        try:
            return await handler(request)
        finally:
            found.under_way -= 1

    async def serve() -> None:
        app = make_app(configured(config), TOKEN)
        app.middlewares.append(note)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        found.url = f"http://{host}:{port}"
        ready.set()
        await over.wait()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(PATIENCE)
    try:
        yield found
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()
