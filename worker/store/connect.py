"""Connections to Redis, for the job store and for Celery's broker, from the one `REDIS_URL`.

TLS is always verified. Behind sentinels each new connection goes to whom they call the master by then.
"""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import redis
import redis.asyncio
import redis.asyncio.sentinel
import redis.sentinel
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import (
    AuthenticationError,
    ClusterDownError,
    MasterDownError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    TryAgainError,
)
from redis.retry import Retry

from worker.store.address import Address, parse_address, sentinels_of
from worker.store.connection_errors import TRANSIENT, explain_redis_error

_TIMEOUT: Final = 5.0
_CONNECTIONS: Final = 32
_OPENED_FIRST: Final = 8

_REFUSALS: Final = (
    OutOfMemoryError,
    ReadOnlyError,
    MasterDownError,
    NoPermissionError,
    AuthenticationError,
    ClusterDownError,
    TryAgainError,
)
_REFUSAL_CODES: Final = re.compile(
    r"(?:(?:.*@user_script: ?\d+: )?-?(?:BUSY|MISCONF|NOREPLICAS|DENIED)"
    r"|.*@user_script: ?\d+: -?(?:OOM|READONLY|LOADING|MASTERDOWN|NOPERM)) "
)
"""How a refusal begins for which redis-py has no class of its own. BUSY: somebody else's script runs for
long. Redis 6.2 tells what a command in a script met behind words of its own."""


def is_mendable(error: RedisError) -> bool:
    """Whether the fault may pass, or someone can mend the server, while we wait."""
    return isinstance(error, (*TRANSIENT, *_REFUSALS)) or _REFUSAL_CODES.match(str(error)) is not None


def _options(url: str) -> dict[str, Any]:
    # No look whether an idle connection still stands: a Redis that cannot save refuses PING though it can be
    # read, and a command that finds it broken is sent again.
    options: dict[str, Any] = {"socket_timeout": _TIMEOUT}
    if not url.startswith("unix"):
        options |= {"socket_connect_timeout": _TIMEOUT, "socket_keepalive": True}
    return options


def _server(address: Address) -> dict[str, Any]:
    """Options of the server that sentinels do not provide."""
    return {"username": address.user, "password": address.password, "db": address.db}


def sync_client(url: str) -> redis.Redis:
    """A client for commands. Each step that it may send twice is written to count once."""
    retry = Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.5), 3)
    address = parse_address(url)
    if address.scheme != "sentinel":
        return redis.Redis.from_url(url, retry=retry, **_options(url))
    # redis-py's sentinels are not typed.
    known = redis.sentinel.Sentinel(sentinels_of(address), **_options(url))  # type: ignore[no-untyped-call]
    master: redis.Redis = known.master_for(  # type: ignore[no-untyped-call]
        address.options["master"], retry=retry, **_server(address)
    )
    return master


def async_client(url: str) -> redis.asyncio.Redis:
    """A client for the worker's loop. It waits for a free connection rather than fail."""
    retry = redis.asyncio.retry.Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.5), 1)
    address = parse_address(url)
    if address.scheme == "sentinel":
        # Its pool cannot wait, so it has no limit that we could come near to.
        known = redis.asyncio.sentinel.Sentinel(sentinels_of(address), **_options(url))  # type: ignore[no-untyped-call]
        master: redis.asyncio.Redis = known.master_for(
            address.options["master"], retry=retry, max_connections=32 * _CONNECTIONS, **_server(address)
        )
        return master
    pool: redis.asyncio.BlockingConnectionPool = redis.asyncio.BlockingConnectionPool.from_url(
        url, max_connections=_CONNECTIONS, timeout=_TIMEOUT, retry=retry, **_options(url)
    )
    return redis.asyncio.Redis.from_pool(pool)


async def open_connections(client: redis.asyncio.Redis) -> None:
    """Opens as many connections as a busy worker uses at once.

    Each takes several round trips: far from Redis, a commit that needed one more waits half a second.
    Where Redis does not answer nothing is raised: its next user finds out.
    """
    await asyncio.gather(*(client.ping() for _ in range(_OPENED_FIRST)), return_exceptions=True)


@contextmanager
def reachable(url: str) -> Iterator[None]:
    """Raises errors of Redis, and of the connection to it, as one that explains itself in one line."""
    try:
        yield
    except RedisError as error:
        raise explain_redis_error(error, url, mendable=is_mendable(error)) from error
