"""What a Redis server is, and whether jobs can be stored in it."""

from collections.abc import Mapping
from typing import Any, Final

import redis

from worker.core.errors import BadSettingError, RedisUnreachableError
from worker.core.vulnerable import Product, Version
from worker.store.address import parse_address, shown_address, unprotected
from worker.store.connect import reachable
from worker.store.connection_errors import IS_CLUSTER

FLOOR: Final = (6, 2)
"""The oldest Redis whose commands we use; Celery's floor too."""


def server_version(server: Mapping[str, Any]) -> Version:
    """The version of Redis that the server is, or is compatible with. `server`: its `INFO`."""
    return _version(server.get("redis_version", "0"))


def _version(text: Any) -> Version:
    return tuple(int(part) for part in str(text).split(".") if part.isdigit())


def product_of(server: Mapping[str, Any]) -> tuple[Product, Version]:
    """The product and its own version: Valkey's `redis_version` is that of a compatible Redis."""
    if server.get("server_name") == "valkey":
        return "valkey", _version(server["valkey_version"])
    return "redis", server_version(server)


def _exposed(url: str) -> list[str]:
    lacks = unprotected(parse_address(url))
    if not lacks:
        return []
    words = (
        f"Redis at {shown_address(url)} is on another host and reached without {' and '.join(lacks)}: who can"
        " read or join that network sees and steers all jobs; give it users (deploy/redis/users.conf) and"
        " TLS, and set BULK_ACTIVATE_REDIS_URL to rediss://USER:PASSWORD@HOST:6379/0?ssl_ca_certs=FILE"
    )
    return [words]


def check_server(client: redis.Redis, url: str) -> list[str]:
    """Warnings about how the server is set up. Raises where it cannot do: too old, or out of reach."""
    with reachable(url):
        server = client.info("server")
        version = server_version(server)
        if version < FLOOR:
            have = ".".join(map(str, version))
            raise BadSettingError(
                f"Redis at {shown_address(url)} is version {have}, at least"
                f" {FLOOR[0]}.{FLOOR[1]} is needed: upgrade it, or use another server"
            )
        if server.get("redis_mode") == "cluster":
            raise RedisUnreachableError(f"Redis at {shown_address(url)} {IS_CLUSTER}")
        memory = client.info("memory")
        persistence = client.info("persistence")
    warnings = _exposed(url)
    policy = memory.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        warnings.append(
            f"Redis may evict jobs when it is full (maxmemory-policy {policy}): set it to noeviction"
        )
    if not persistence.get("aof_enabled"):
        warnings.append("Redis keeps no append-only file: a restart loses jobs; set appendonly yes")
    return warnings
