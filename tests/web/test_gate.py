"""What stands between the server and the application."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from litestar.response.streaming import ASGIStreamingResponse

from producers.web.admission import Admission
from producers.web.gate import Gate
from producers.web.keys import Key, OneKey, Role, digest_of
from producers.web.limits import DEFAULTS
from producers.web.refusals import Refusals
from producers.web.sessions import Sessions
from producers.web.shares import Shares

PIECES = 3000
"""More than Python calls functions deep."""


async def test_a_stream_outlives_a_body_that_comes_in_many_pieces() -> None:
    whole, ended, sent = asyncio.Event(), asyncio.Event(), []
    left = PIECES

    async def receive() -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            whole.set()
            await ended.wait()
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)
        if message.get("more_body") is False:
            ended.set()

    async def stream() -> AsyncIterator[bytes]:
        await whole.wait()
        yield b"later"

    keys = OneKey(Key("one", Role.VIEWER, digest_of(b"secret")))
    gate = Gate(
        ASGIStreamingResponse(iterator=stream()),
        Admission(keys, Sessions(keys), {"localhost"}),
        Shares("requests", 1, 1),
        Refusals(DEFAULTS),
    )
    scope: Any = {
        "type": "http",
        "method": "GET",
        "path": "/api/v1/jobs/one/events",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"authorization", b"Bearer secret")],
        "state": {},
    }
    await asyncio.wait_for(gate(scope, receive, send), 10)
    assert [message.get("body") for message in sent[1:]] == [b"later", b""]
