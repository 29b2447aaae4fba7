"""Asks a server at a socket who it is."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

ANSWER_TIMEOUT: Final = 5.0
"""Seconds for one answer. A busy server is asked again by whoever waits for it."""


@dataclass(frozen=True, slots=True)
class Identity:
    pid: int
    name: Literal["valkey", "redis"]
    version: str
    folder: str
    """Its data folder, as redis-py reads it: what is not UTF-8 stands there as U+FFFD."""

    def serves(self, home: Path) -> bool:
        return self.folder == os.fsencode(home).decode(errors="replace")


@contextmanager
def connected(socket: Path) -> Iterator[redis.Redis]:
    """A client that tries once: redis-py's own ten repeats would hide a server that died."""
    client = redis.Redis(
        unix_socket_path=str(socket),
        socket_timeout=ANSWER_TIMEOUT,
        socket_connect_timeout=ANSWER_TIMEOUT,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        yield client
    finally:
        client.close()


def identify(socket: Path) -> Identity | None:
    """Who listens at `socket`, also while it still loads its data; None where nobody does."""
    try:
        with connected(socket) as client:
            info = client.info("server")
            folder = client.config_get("dir")
    except redis.RedisError:
        return None
    valkey = info.get("valkey_version")
    return Identity(
        pid=int(info["process_id"]),
        name="redis" if valkey is None else "valkey",
        version=str(valkey or info["redis_version"]),
        folder=folder.get("dir") or "",
    )


def is_ready(socket: Path) -> bool:
    """Whether the server answers PING: it refuses that while it loads its data."""
    try:
        with connected(socket) as client:
            client.ping()
    except redis.RedisError:
        return False
    return True


def shut_down(socket: Path) -> None:
    """Tells the server at `socket` to end; its AOF is written out first. Raises `redis.RedisError`."""
    with connected(socket) as client:
        client.shutdown(nosave=True)
