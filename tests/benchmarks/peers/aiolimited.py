"""The same work with `aiolimiter` for the rate and `tenacity` for retries, as their documents show them.

`AsyncLimiter` is entered before each request, retries too; `wait_exponential_jitter` is tenacity's own
advice for a shared resource.

A fair chance: `AsyncLimiter(1, 1 / rate)` sends evenly, where the usual `AsyncLimiter(rate)` would begin
with a second's worth at once, and be refused for it; one session keeps its connections; attempts without
an end, so that no batch is lost.
"""

import asyncio

import aiohttp
from aiolimiter import AsyncLimiter
from tenacity import AsyncRetrying, retry_if_exception_type, stop_never, wait_exponential_jitter

from tests.benchmarks.peers.work import BODY_HEADERS, TIMEOUT, activate_url, new_batch, parser


async def activate(session: aiohttp.ClientSession, limiter: AsyncLimiter, url: str) -> None:
    batch = new_batch()
    async for attempt in AsyncRetrying(
        retry=retry_if_exception_type((aiohttp.ClientError, TimeoutError)),
        wait=wait_exponential_jitter(initial=1, max=60),
        stop=stop_never,
    ):
        with attempt:
            async with limiter, session.post(url, json={"ids": batch}, raise_for_status=True) as response:
                await response.read()


async def main() -> None:
    given = parser(__doc__).parse_args()
    limiter = AsyncLimiter(1, 1 / given.rate)
    url = activate_url(given.url)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(TIMEOUT),
        headers=BODY_HEADERS,
    ) as session:
        await asyncio.gather(*(activate(session, limiter, url) for _ in range(given.batches)))


if __name__ == "__main__":
    asyncio.run(main())
