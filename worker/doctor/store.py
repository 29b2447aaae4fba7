"""Checks Redis and the workers on it."""

import time
from collections.abc import Iterator
from typing import Final

import redis

from worker.core import vulnerable
from worker.core.errors import BulkActivateError, RedisUnreachableError
from worker.core.rate.round_trip import FAR_SECONDS
from worker.doctor.check import Check, Status
from worker.settings import PREFIX, Settings
from worker.store.address import shown_address
from worker.store.capabilities import try_server
from worker.store.connect import reachable, sync_client
from worker.store.jobs import JobStore
from worker.store.server import check_server, product_of
from worker.store.store_reader import WORKERS_WITHIN_MS

_NEARLY_FULL: Final = 0.8
"""Share of maxmemory from which a warning is given."""

_PINGS: Final = 5
"""Round trips of which the shortest counts."""


def check_store(settings: Settings) -> Iterator[Check]:
    """Yields checks of the server, its memory and the workers."""
    url = settings.redis_url
    try:
        with sync_client(url) as client, reachable(url):
            server = [*_check_server(client, url)]
            yield from server
            if any(check.status is Status.FAILED for check in server):
                yield Check("workers", Status.SKIPPED, "this Redis cannot be used")
                return
            yield from _check_memory(client)
            yield _check_workers(JobStore(client))
    except RedisUnreachableError as error:
        yield Check("redis", Status.UNREACHABLE, str(error))
        yield Check("workers", Status.SKIPPED, "Redis knows them")


def _check_server(client: redis.Redis, url: str) -> Iterator[Check]:
    try:
        warnings = check_server(client, url)
        try_server(client, url)
    except RedisUnreachableError:
        raise
    except BulkActivateError as error:
        yield Check("redis", Status.FAILED, str(error))
        return
    product, version = product_of(client.info("server"))
    number = ".".join(map(str, version))
    seconds = _round_trip(client)
    distance = f"{1000 * seconds:.3g} ms away"
    yield Check("redis", Status.OK, f"{product.title()} {number} at {shown_address(url)}, {distance}")
    if (vulnerability := vulnerable.warning(product, version, tls=url.startswith("rediss:"))) is not None:
        yield Check("redis", Status.WARNING, vulnerability)
    if seconds > FAR_SECONDS:
        yield Check(
            "redis",
            Status.WARNING,
            f"it is {distance}, each round trip: run workers where it is less than 50 ms",
        )
    for warning in warnings:
        yield Check("redis", Status.WARNING, warning)


def _round_trip(client: redis.Redis) -> float:
    """Seconds of the shortest of a few round trips, the one least delayed by this machine."""
    seconds = []
    for _ in range(_PINGS):
        began = time.perf_counter()
        client.ping()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def _check_memory(client: redis.Redis) -> Iterator[Check]:
    memory = client.info("memory")
    most, used = int(memory.get("maxmemory", 0)), int(memory.get("used_memory", 0))
    if most and used > _NEARLY_FULL * most:
        share = f"{100 * used // most} %"
        yield Check(
            "redis", Status.WARNING, f"its memory is {share} full: raise maxmemory, or purge jobs that rest"
        )


def _check_workers(store: JobStore) -> Check:
    alive = store.live_workers(WORKERS_WITHIN_MS)
    if alive:
        return Check("workers", Status.OK, f"{alive} worker process{'es' if alive > 1 else ''} alive")
    return Check(
        "workers",
        Status.WARNING,
        f"none alive on this Redis: jobs wait until `bulk-activate worker` runs with this {PREFIX}REDIS_URL",
    )
