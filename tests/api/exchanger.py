"""A process that requests one access token: `python -m tests.api.exchanger API_URL REDIS_URL`.

Prints `ready`, waits for a line, and prints the result: `given TOKEN`, `rejected` or `unavailable`.
"""

import asyncio
import sys
import time

from tests.api.clients import ORG, parts, shared_lock
from worker.api.credentials import CredentialRejectedError
from worker.api.token_exchange import TokenUnavailableError
from worker.store.connect import async_client


async def main(api_url: str, redis_url: str) -> str:
    async with (
        async_client(redis_url) as client,
        parts(api_url, time.monotonic, shared_lock(client)) as mine,
    ):
        say("ready")
        await asyncio.to_thread(sys.stdin.readline)
        try:
            return f"given {await mine.tokens.get(ORG)}"
        except CredentialRejectedError:
            return "rejected"
        except TokenUnavailableError:
            return "unavailable"


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    say(asyncio.run(main(*sys.argv[1:])))
