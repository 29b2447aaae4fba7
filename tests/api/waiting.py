"""Waits for a condition by polling."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

DEADLINE: Final = 30.0
"""Seconds until a test gives up. What is waited for should come at once."""

_POLL: Final = 0.05
"""Seconds between two polls."""

_STEADY: Final = 6
"""Polls without a change after which a value counts as final."""

T = TypeVar("T")


async def until(reached: Callable[[], bool | Awaitable[bool]], deadline: float = DEADLINE) -> None:
    """Returns once `reached()`, awaited if necessary, is true. Raises `TimeoutError`."""
    async with asyncio.timeout(deadline):
        while True:
            found = reached()
            if await found if inspect.isawaitable(found) else found:
                return
            await asyncio.sleep(_POLL)


async def steady(read: Callable[[], Awaitable[T]]) -> T:
    """The value of `read()` once it no longer changes. Raises `TimeoutError`."""
    found, since = await read(), 0

    async def unchanged() -> bool:
        nonlocal found, since
        now = await read()
        found, since = now, since + 1 if now == found else 0
        return since >= _STEADY

    await until(unchanged)
    return found
