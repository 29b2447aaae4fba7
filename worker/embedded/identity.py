"""Identifies the server behind a socket."""

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
"""Seconds to wait for an answer. Callers that wait for a busy server ask again."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a server says of itself."""

    pid: int
    name: Literal["valkey", "redis"]
    version: str
    folder: str
    """Its data folder as redis-py decodes it: bytes that are not UTF-8 become U+FFFD."""

    def serves(self, home: Path) -> bool:
        """Whether `home` is the data folder of the server."""
        return self.folder == os.fsencode(home).decode(errors="replace")


@contextmanager
def connected(socket: Path) -> Iterator[redis.Redis]:
    """A client without retries: redis-py's default of ten would hide a server that died."""
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
    """Identifies the server at `socket`, also while it loads its data; None if there is none."""
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
    """Whether the server answers PING, which it refuses while it loads its data."""
    try:
        with connected(socket) as client:
            client.ping()
    except redis.RedisError:
        return False
    return True


def shut_down(socket: Path) -> None:
    """Shuts the server at `socket` down, after it has written its AOF. Raises `redis.RedisError`."""
    with connected(socket) as client:
        client.shutdown(nosave=True)
