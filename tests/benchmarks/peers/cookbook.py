"""The same work as an asyncio script in the manner of the OpenAI cookbook's `api_request_parallel_processor`.

Of it: one loop that takes the next request from a queue of retries, else from the list; a capacity that
starts full, is refilled by the time elapsed and never exceeds its most; a task per request; a sleep of 1 ms
per turn; after a rate-limit error, a pause of fixed length for everything. (The tokens that it counts beside
requests mean nothing here.) Written anew from that description.

A fair chance: the original counts capacity per minute and pauses for 15 s, for an API with limits per
minute, and would begin with a whole minute's requests at once. Here the capacity is a second's worth and
the pause 2 s, and it is run a second time with a capacity of a tenth of a second, which no longer bursts.
A batch is tried without an end, not five times, so that none is lost. As published it would be
`--capacity 60 --pause 15`.
"""

import asyncio
import time
from collections import deque
from http import HTTPStatus

import aiohttp

from tests.benchmarks.peers.work import BODY_HEADERS, TIMEOUT, activate_url, new_batch, parser

LOOP_SLEEP = 0.001


class Processor:
    def __init__(
        self, session: aiohttp.ClientSession, url: str, rate: float, most: float, pause: float
    ) -> None:
        self._session = session
        self._url = url
        self._rate = rate
        self._most = most
        self._pause = pause
        self._capacity = most
        self._updated_at = time.monotonic()
        self._limited_at = float("-inf")
        self._retries: deque[list[str]] = deque()
        self._calls: set[asyncio.Task[None]] = set()

    async def run(self, count: int) -> None:
        batches = (new_batch() for _ in range(count))
        waiting: list[str] | None = None
        while True:
            if waiting is None:
                waiting = self._retries.popleft() if self._retries else next(batches, None)
            self._refill()
            if waiting is not None and self._capacity >= 1:
                self._capacity -= 1
                call = asyncio.create_task(self._call(waiting))
                self._calls.add(call)
                call.add_done_callback(self._calls.discard)
                waiting = None
            elif waiting is None and not self._calls and not self._retries:
                return
            await asyncio.sleep(LOOP_SLEEP)
            if (left := self._limited_at + self._pause - time.monotonic()) > 0:
                await asyncio.sleep(left)

    def _refill(self) -> None:
        now = time.monotonic()
        self._capacity = min(self._most, self._capacity + (now - self._updated_at) * self._rate)
        self._updated_at = now

    async def _call(self, batch: list[str]) -> None:
        try:
            async with self._session.post(self._url, json={"ids": batch}) as response:
                await response.read()
                if response.status == HTTPStatus.OK:
                    return
                if response.status == HTTPStatus.TOO_MANY_REQUESTS:
                    self._limited_at = time.monotonic()
        except (aiohttp.ClientError, TimeoutError):
            pass
        self._retries.append(batch)


async def main() -> None:
    options = parser(__doc__)
    options.add_argument("--capacity", type=float, default=1.0, help="seconds' worth of requests")
    options.add_argument("--pause", type=float, default=2.0, help="seconds, after a rate-limit error")
    given = options.parse_args()
    most = max(1.0, given.rate * given.capacity)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(TIMEOUT),
        headers=BODY_HEADERS,
    ) as session:
        processor = Processor(session, activate_url(given.url), given.rate, most, given.pause)
        await processor.run(given.batches)


if __name__ == "__main__":
    asyncio.run(main())
