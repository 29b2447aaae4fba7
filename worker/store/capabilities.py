"""Checks that a Redis server can run scripts that write, and deliver messages to subscribers."""

import time
from typing import Final

import redis
from redis.exceptions import RedisError

from worker.core.errors import RedisUnreachableError
from worker.store import keys
from worker.store.address import shown_address
from worker.store.connect import is_mendable, reachable
from worker.store.connection_errors import explain_redis_error

_SCRIPT: Final = "redis.call('SET', KEYS[1], ARGV[1], 'EX', 60) return redis.call('GET', KEYS[1])"
_MESSAGE_TIMEOUT: Final = 2.0
"""Maximum seconds until a published message arrives."""


def try_server(client: redis.Redis, url: str) -> None:
    """Raises `RedisUnreachableError` if the server cannot do it, or its user may not.

    Leaves a key that expires after a minute.
    """
    with reachable(url):
        try_scripts(client)
        if not _delivers_messages(client):
            raise RedisUnreachableError(
                f"Redis at {shown_address(url)} did not pass a message on within"
                f" {_MESSAGE_TIMEOUT:g} s: use another"
            )


def check_worker(client: redis.Redis, url: str) -> None:
    """Raises `RedisUnreachableError` for permanent faults only; a worker waits for others to pass."""
    try:
        try_scripts(client)
    except RedisError as error:
        if not is_mendable(error):
            raise explain_redis_error(error, url, mendable=False) from error


def try_scripts(client: redis.Redis) -> None:
    """Raises `RedisError` if a script cannot write and read a key."""
    if client.evalsha(client.script_load(_SCRIPT), 1, keys.TRIAL, "tried") != b"tried":
        raise RedisError("a script did not read what it had written")


def _delivers_messages(client: redis.Redis) -> bool:
    ends = time.monotonic() + _MESSAGE_TIMEOUT
    # Not typed by redis-py.
    with client.pubsub(ignore_subscribe_messages=True) as channel:  # type: ignore[no-untyped-call]
        channel.subscribe(keys.TRIAL)
        # The subscription is confirmed before later commands of this connection are executed.
        channel.get_message(timeout=_MESSAGE_TIMEOUT)
        client.publish(keys.TRIAL, "tried")
        while (left := ends - time.monotonic()) > 0:
            message = channel.get_message(timeout=left)
            if message is not None:
                return bool(message["data"] == b"tried")
    return False
