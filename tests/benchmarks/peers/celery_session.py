"""A Celery task per batch, over one aiohttp session per process that stays open.

Celery's tasks are plain functions. Each hands its coroutine to the process's one loop and waits for it, so
the pool is of threads, as many as our worker has requests in flight. No results are kept (`ignore_result`, as
the user guide advises where nobody reads them).

    celery -A tests.benchmarks.peers.celery_session worker -P threads ...     # after setting PEER_*
    python -m tests.benchmarks.peers.celery_session BATCHES
"""

import asyncio
import os
import sys
import threading
from functools import cache
from typing import Any

import aiohttp
from celery import Celery

from tests.benchmarks.peers.work import BODY_HEADERS, TIMEOUT, new_batch

URL = os.environ["PEER_URL"]

app = Celery("session", broker=os.environ["PEER_BROKER"])
app.conf.update(task_ignore_result=True, worker_hijack_root_logger=False)
_making = threading.Lock()


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    return loop


async def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(headers=BODY_HEADERS, timeout=aiohttp.ClientTimeout(TIMEOUT))


@cache
def _opened() -> aiohttp.ClientSession:
    return asyncio.run_coroutine_threadsafe(_session(), _loop()).result()


async def _post(session: aiohttp.ClientSession, ids: list[str]) -> Any:
    async with session.post(URL, json={"ids": ids}, raise_for_status=True) as response:
        return await response.json()


def _activate(ids: list[str]) -> None:
    with _making:
        session = _opened()
    asyncio.run_coroutine_threadsafe(_post(session, ids), _loop()).result()


activate = app.task(_activate, name="peer.activate")

if __name__ == "__main__":
    for _ in range(int(sys.argv[1])):
        activate.delay(new_batch())
