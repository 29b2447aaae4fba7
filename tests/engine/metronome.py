"""What a busy machine lets nobody keep: how many of the moments of a given rate a bare loop comes to late."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def kept_times(rate: float, late: float) -> AsyncIterator[list[bool]]:
    """For each of `rate` moments per second so far: whether it was at most `late` seconds late."""
    kept: list[bool] = []
    now = asyncio.get_running_loop().time

    async def keep() -> None:
        due = now()
        while True:
            due += 1 / rate
            await asyncio.sleep(due - now())
            kept.append(now() - due <= late)

    keeper = asyncio.create_task(keep())
    try:
        yield kept
    finally:
        keeper.cancel()
