"""A message of `dramatiq` per batch, to an asynchronous actor (its own middleware AsyncIO), over one session.

dramatiq tests.benchmarks.peers.dramatiq_actor --processes 1 --threads 32       # after setting PEER_*
python -m tests.benchmarks.peers.dramatiq_actor BATCHES
"""

import os
import sys
from functools import cache

import aiohttp
import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware.asyncio import AsyncIO

from tests.benchmarks.peers.work import BODY_HEADERS, TIMEOUT, new_batch

broker = RedisBroker(url=os.environ["PEER_REDIS"])
broker.add_middleware(AsyncIO())
dramatiq.set_broker(broker)


@cache
def session() -> aiohttp.ClientSession:
    """Made by the first message, on the process's one loop."""
    return aiohttp.ClientSession(headers=BODY_HEADERS, timeout=aiohttp.ClientTimeout(TIMEOUT))


async def _activate(ids: list[str]) -> None:
    async with session().post(os.environ["PEER_URL"], json={"ids": ids}) as response:
        response.raise_for_status()
        await response.json()


activate = dramatiq.actor(_activate, actor_name="activate")

if __name__ == "__main__":
    for _ in range(int(sys.argv[1])):
        activate.send(new_batch())
