"""The same requests with nothing around them: what aiohttp itself costs.

A fixed pool of coroutines over one session, bytes for a body, typed decoding of the answer. It holds no rate,
keeps no record, tries nothing again: the floor for everything that sends with aiohttp. Prints one line of
JSON: CPU seconds of the loop, without imports and the making of ids.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Iterator

import aiohttp
import msgspec

from tests.benchmarks.peers.work import BODY_HEADERS, TIMEOUT, activate_url, new_batch


class Answer(msgspec.Struct):
    successes: list[str]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Answer).decode


async def work(session: aiohttp.ClientSession, url: str, batches: Iterator[list[str]]) -> None:
    for batch in batches:
        async with session.post(url, data=_encode({"ids": batch})) as response:
            answer = _decode(await response.read())
        assert answer.successes == batch


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True, help="of the API")
    parser.add_argument("--batches", type=int, required=True)
    parser.add_argument("--concurrency", type=int, default=32)
    given = parser.parse_args()
    made = [new_batch() for _ in range(given.batches)]
    began = time.process_time()
    batches = iter(made)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(TIMEOUT),
        headers=BODY_HEADERS,
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        url = activate_url(given.url)
        await asyncio.gather(*(work(session, url, batches) for _ in range(given.concurrency)))
    print(json.dumps({"cpu": time.process_time() - began}))  # noqa: T201 -- told to who started it.


if __name__ == "__main__":
    asyncio.run(main())
