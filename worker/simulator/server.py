"""The HTTP server of the simulator: an aiohttp application over `Service`."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import Final

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from worker.simulator.call import ActivateCall
from worker.simulator.config import BadConfigError, Config
from worker.simulator.delivery import deliver
from worker.simulator.faults import Wire
from worker.simulator.service import Service
from worker.simulator.world import Line

MAX_BODY: Final = 1 << 20
"""Bytes of a request's body, at most."""

_LINES_PER_CHUNK: Final = 1000
"""Lines of `GET /world` made at a time; other requests are answered in between."""

_POLL: Final = 0.05
"""Seconds between two checks whether the client of a hanging request has left."""

_encoder: Final = msgspec.json.Encoder()


def make_app(
    config: Config | None = None,
    api_token: str | None = None,
    *,
    now: Callable[[], float] = time.monotonic,
    wall: Callable[[], float] = time.time,
) -> web.Application:
    """The simulator as an application. `api_token` is the accepted one; None accepts any."""
    app = web.Application(middlewares=[_client_may_leave], client_max_size=MAX_BODY)
    handlers = _Handlers(Service(config or Config(), api_token, now, wall))
    app.on_shutdown.append(handlers.shut_down)
    app.add_routes(
        [
            web.post("/csp/gateway/am/api/orgs/{org}/api-tokens/activate", handlers.activate),
            web.post("/csp/gateway/am/api/auth/api-tokens/authorize", handlers.authorize),
            web.get("/world", handlers.world),
            web.get("/stats", handlers.stats),
            web.post("/control", handlers.control),
        ]
    )
    return app


@web.middleware
async def _client_may_leave(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Ignores clients that leave in the middle of a request, as killed ones do."""
    try:
        return await handler(request)
    except ConnectionError:
        return web.Response(status=408)  # Nobody reads it.


class _Handlers:
    def __init__(self, service: Service) -> None:
        self._service = service
        self._closing = False

    async def shut_down(self, _app: web.Application) -> None:
        self._closing = True

    async def activate(self, request: web.Request) -> web.StreamResponse:
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            body = None
        call = ActivateCall.of(
            request.match_info["org"], request.headers.get("Authorization"), request.content_type, body
        )
        answer, delay = self._service.activate(call)
        try:
            if delay:
                await asyncio.sleep(delay)
            if answer.wire is Wire.HANG:
                await self._client_left(request)
        finally:
            self._service.stats.request_ended()
        return await deliver(request, answer)

    async def authorize(self, request: web.Request) -> web.StreamResponse:
        form: Mapping[str, object] = {}
        # A body that is no form has no API token.
        with suppress(ValueError, LookupError):
            form = await request.post()
        return await deliver(request, self._service.authorize(form))

    async def world(self, request: web.Request) -> web.StreamResponse:
        """One line of JSON per id ever received; `?org=` selects one organization."""
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        for chunk in _chunks(self._service.lines(request.query.get("org"))):
            await response.write(_encoder.encode_lines(chunk))
            # A write that does not block lets no other task run.
            await asyncio.sleep(0)
        await response.write_eof()
        return response

    async def stats(self, _request: web.Request) -> web.Response:
        return _json(self._service.stats.snapshot())

    async def control(self, request: web.Request) -> web.Response:
        """Changes the configuration and answers with all of it."""
        try:
            orders = msgspec.json.decode(await request.read(), type=dict[str, object])
            return _json(self._service.control(orders))
        except (msgspec.DecodeError, BadConfigError) as error:
            return _json({"message": str(error)}, status=400)

    async def _client_left(self, request: web.Request) -> None:
        # aiohttp can only cancel the handler, if its runner is told to; then a client that leaves would
        # also interrupt work that a real service finishes.
        while not (self._closing or request.transport is None or request.transport.is_closing()):  # noqa: ASYNC110 -- aiohttp has no public event for it.
            await asyncio.sleep(_POLL)


def _chunks(lines: Iterator[Line]) -> Iterator[list[Line]]:
    while chunk := list(islice(lines, _LINES_PER_CHUNK)):
        yield chunk


def _json(document: object, status: int = 200) -> web.Response:
    return web.Response(status=status, body=_encoder.encode(document), content_type="application/json")
