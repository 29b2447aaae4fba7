"""Waiting for an event that nothing announces."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

DEADLINE: Final = 30.0
"""Seconds after which a test gives up waiting for what should come at once."""

_POLL: Final = 0.005
"""Seconds between two looks."""

_STEADY: Final = 60
"""Looks without a change after which there is taken to be no more."""

T = TypeVar("T")


async def until(reached: Callable[[], bool | Awaitable[bool]], deadline: float = DEADLINE) -> None:
    """Returns once `reached()` is true, awaited where it has to be. Raises TimeoutError."""
    async with asyncio.timeout(deadline):
        while True:
            found = reached()
            if await found if inspect.isawaitable(found) else found:
                return
            await asyncio.sleep(_POLL)


async def steady(read: Callable[[], Awaitable[T]]) -> T:
    """What `read` finds once it changes no more. Raises TimeoutError."""
    found, since = await read(), 0

    async def unchanged() -> bool:
        nonlocal found, since
        now = await read()
        found, since = now, since + 1 if now == found else 0
        return since >= _STEADY

    await until(unchanged)
    return found
