"""A proxy between workers and the API that forwards requests, or answers itself."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import aiohttp
from aiohttp import web

from tests.e2e.stack import Simulator
from tests.serving import serving

_SESSION: Final = web.AppKey("session", aiohttp.ClientSession)

_HTML: Final = "<html><body>Access is limited to employees. Sign in to go on.</body></html>"
_OURS: Final = "/csp/"
"""Prefix of all paths that workers request; other paths of the simulator are always forwarded."""


@dataclass(frozen=True, slots=True)
class Own:
    """An answer that is not the API's."""

    name: str
    status: int
    body: str = _HTML
    content_type: str = "text/html"
    headers: tuple[tuple[str, str], ...] = ()
    after_the_api: bool = False
    """The request is passed on first, and the API's answer dropped: its ids may be active."""


OWN: Final = (
    Own("login page", 302, headers=(("Location", "https://sso.example.com/login?next=1"),)),
    Own("moved", 308, headers=(("Location", "https://console.tanzu.broadcom.com/csp/"),)),
    Own("blocked", 403),
    Own("not found", 404, "404 page not found", "text/plain"),
    Own("method refused", 405),
    Own("not acceptable", 406, "", "text/plain"),
    Own("proxy wants a password", 407),
    Own("sign on to the network", 511),
    Own("nothing to say", 400, "", "text/plain"),
    Own("unauthorized by somebody else", 401),
    Own("overloaded", 503, headers=(("Retry-After", "2"),)),
    Own("portal", 200),
    Own("portal after the fact", 200, after_the_api=True),
    Own("bad gateway after the fact", 502, after_the_api=True),
)


class Middlebox(Simulator):
    """Forwards requests to the simulator, or answers them with `own` if set."""

    def __init__(self, behind: Simulator) -> None:
        super().__init__("")
        self._behind = behind.url
        self.own: Own | None = None
        self.answered = 0
        """Requests that it answered by itself."""
        self.dropped = 0
        """Of these, those that the API had answered before."""

    async def handle(self, session: aiohttp.ClientSession, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        own = self.own if request.path.startswith(_OURS) else None
        if own is None:
            return await self._passed_on(session, request, body)
        self.answered += 1
        if own.after_the_api:
            await self._passed_on(session, request, body)
            self.dropped += 1
        return web.Response(
            status=own.status, text=own.body, content_type=own.content_type, headers=dict(own.headers)
        )

    async def _passed_on(
        self, session: aiohttp.ClientSession, request: web.Request, body: bytes
    ) -> web.StreamResponse:
        url = self._behind + request.path_qs
        try:
            async with session.request(
                request.method, url, data=body, headers=_kept(request.headers), allow_redirects=False
            ) as answer:
                content = await answer.read()
                return web.Response(status=answer.status, body=content, headers=_kept(answer.headers))
        except aiohttp.ClientError:
            # Nobody behind it, or it left without an answer: so does this.
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=502)


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers that are not specific to one connection."""
    hops = {
        "connection",
        "content-length",
        "host",
        "transfer-encoding",
        "content-encoding",
        "accept-encoding",
    }
    return {name: value for name, value in headers.items() if name.lower() not in hops}


@contextmanager
def middlebox(behind: Simulator) -> Iterator[Middlebox]:
    """Runs a middlebox in front of `behind`, in a thread."""
    found = Middlebox(behind)
    app = web.Application(client_max_size=1 << 21)

    async def client(app: web.Application) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as app[_SESSION]:
            yield

    async def handle(request: web.Request) -> web.StreamResponse:
        return await found.handle(request.app[_SESSION], request)

    app.cleanup_ctx.append(client)
    app.router.add_route("*", "/{path:.*}", handle)
    with serving(app) as found.url:
        yield found
