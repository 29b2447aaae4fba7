"""The simulator in this process, with a record of which worker sent what, and when."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from aiohttp import web
from aiohttp.typedefs import Handler

from tests.e2e.stack import TOKEN, Simulator
from tests.serving import serving
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
        """The senders after `since`, each with the time of its first request."""
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

    app = make_app(configured(config), TOKEN)
    app.middlewares.append(note)
    with serving(app) as found.url:
        yield found
