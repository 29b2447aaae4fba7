"""The status of each answer, noted where it is sent: metrics, log and traces all ask here."""

from collections.abc import Callable
from typing import Any, Final

from litestar.types import Message, Scope, Send

_STATUS: Final = "status"


def noting_status(scope: Scope, send: Send, on_begin: Callable[[], None]) -> Send:
    """`send` for a request: it notes the status of the answer, and calls `on_begin` as the answer begins."""
    # uvicorn makes a state for each request.
    state: dict[str, Any] = scope["state"]

    async def noting(message: Message) -> None:
        if message["type"] == "http.response.start":
            state[_STATUS] = message["status"]
            on_begin()
        await send(message)

    return noting


def status_of(scope: Scope) -> int:
    """The status of the answer to a request; 0 until it has begun."""
    found: int = scope["state"].get(_STATUS, 0)
    return found
