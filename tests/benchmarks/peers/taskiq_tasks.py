"""A task of `taskiq` per batch: the session is made at start-up and lies in the state, as its guide shows.

The broker is the one that its Redis package calls reliable, a stream with acknowledgement; without a result
backend, since nobody reads results.

    taskiq worker tests.benchmarks.peers.taskiq_tasks:broker ...        # after setting PEER_*
    python -m tests.benchmarks.peers.taskiq_tasks BATCHES
"""

import asyncio
import os
import sys

import aiohttp
from taskiq import Context, TaskiqDepends, TaskiqEvents, TaskiqState
from taskiq_redis import RedisStreamBroker

from tests.benchmarks.peers.work import BODY_HEADERS, TIMEOUT, new_batch

broker = RedisStreamBroker(os.environ["PEER_REDIS"])


async def startup(state: TaskiqState) -> None:
    state.session = aiohttp.ClientSession(headers=BODY_HEADERS, timeout=aiohttp.ClientTimeout(TIMEOUT))


async def shutdown(state: TaskiqState) -> None:
    await state.session.close()


broker.add_event_handler(TaskiqEvents.WORKER_STARTUP, startup)
broker.add_event_handler(TaskiqEvents.WORKER_SHUTDOWN, shutdown)


async def _activate(ids: list[str], context: Context = TaskiqDepends()) -> int:  # noqa: B008 -- taskiq's way.
    async with context.state.session.post(os.environ["PEER_URL"], json={"ids": ids}) as response:
        response.raise_for_status()
        return len((await response.json())["successes"])


activate = broker.register_task(_activate, task_name="activate")


async def main() -> None:
    await broker.startup()
    for _ in range(int(sys.argv[1])):
        await activate.kiq(new_batch())
    await broker.shutdown()


if __name__ == "__main__":
    asyncio.run(main())
