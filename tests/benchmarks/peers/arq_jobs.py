"""A job of `arq` per batch: the session is made at start-up and lies in the context, as its documents show.

`max_jobs` is as many as our worker has requests in flight (its default is 10). It wants a redis-py older than
Celery's, so it has an environment of its own.

    arq tests.benchmarks.peers.arq_jobs.WorkerSettings        # after setting PEER_*
    python -m tests.benchmarks.peers.arq_jobs BATCHES
"""

import asyncio
import os
import sys
from typing import Any

import aiohttp
from arq import create_pool
from arq.connections import RedisSettings

from tests.benchmarks.peers.work import BODY_HEADERS, TIMEOUT, new_batch

REDIS = RedisSettings.from_dsn(os.environ["PEER_REDIS"])


async def activate(context: dict[str, Any], ids: list[str]) -> int:
    async with context["session"].post(os.environ["PEER_URL"], json={"ids": ids}) as response:
        response.raise_for_status()
        return len((await response.json())["successes"])


async def startup(context: dict[str, Any]) -> None:
    context["session"] = aiohttp.ClientSession(headers=BODY_HEADERS, timeout=aiohttp.ClientTimeout(TIMEOUT))


async def shutdown(context: dict[str, Any]) -> None:
    await context["session"].close()


class WorkerSettings:
    functions = (activate,)
    on_startup = startup
    on_shutdown = shutdown
    redis_settings = REDIS
    max_jobs = 32


async def main() -> None:
    pool = await create_pool(REDIS)
    for _ in range(int(sys.argv[1])):
        await pool.enqueue_job("activate", new_batch())


if __name__ == "__main__":
    asyncio.run(main())
