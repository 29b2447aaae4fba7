"""Receives the body of a request within bounds of time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from litestar import Request

from producers.web.problems import Code, ProblemError
from producers.web.stopping import Stopping


def shutting_down() -> ProblemError:
    return ProblemError(Code.SHUTTING_DOWN, "the server is ending: send it again")


@asynccontextmanager
async def in_time(stopping: Stopping, seconds: float) -> AsyncIterator[None]:
    """Raises `ProblemError` in the block after `seconds`, or once the server ends."""
    try:
        async with stopping.within(seconds):
            yield
    except TimeoutError:
        if stopping.begun:
            raise shutting_down() from None
        raise ProblemError(Code.TIMED_OUT, "the body took too long to come") from None


async def next_piece(request: Request[Any, Any, Any]) -> tuple[bytes, bool]:
    """What has come of the body, and whether more will. Raises `ProblemError` where the client left."""
    message: Any = await request.receive()
    if message["type"] == "http.disconnect":
        raise ProblemError(Code.BAD_INPUT, "the client left before the body was whole")
    return message.get("body", b""), message.get("more_body", False)
