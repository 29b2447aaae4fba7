"""An API whose answers a test writes itself, to look at the record in the moment of a request."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web
from aiohttp.test_utils import TestServer

ACCESS_TOKEN: Final = "given-to-everybody"

Answer = Callable[[list[str]], Awaitable[web.Response]]


Grant = Callable[[], Awaitable[web.Response]]


async def granted() -> web.Response:
    return grant(ACCESS_TOKEN)


def grant(token: str, lives: float = 1799) -> web.Response:
    return web.json_response({"access_token": token, "expires_in": lives})


@asynccontextmanager
async def gateway(answer: Answer, exchange: Grant = granted) -> AsyncIterator[str]:
    """The URL of a server that gives access tokens by `exchange`, and answers requests by `answer`."""

    async def authorize(_request: web.Request) -> web.Response:
        return await exchange()

    async def activate(request: web.Request) -> web.Response:
        return await answer((await request.json())["ids"])

    app = web.Application()
    app.router.add_post("/csp/gateway/am/api/auth/api-tokens/authorize", authorize)
    app.router.add_post("/csp/gateway/am/api/orgs/{org}/api-tokens/activate", activate)
    server = TestServer(app)
    await server.start_server(shutdown_timeout=0.1)
    try:
        yield str(server.make_url("/")).rstrip("/")
    finally:
        await server.close()


def all_active(ids: list[str]) -> web.Response:
    return web.json_response({"successes": ids})


def all_active_already(ids: list[str]) -> web.Response:
    return web.json_response(
        {"failures": [{"id": name, "message": "Token is already active"} for name in ids]}
    )


def too_many(seconds: float) -> web.Response:
    return web.json_response({}, status=429, headers={"Retry-After": str(seconds)})
