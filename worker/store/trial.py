"""Tries what jobs need of Redis: scripts that write, and messages to subscribers."""

import time
from typing import Final

import redis
from redis.exceptions import RedisError

from worker.core.errors import RedisUnreachableError
from worker.store import keys
from worker.store.address import shown_address
from worker.store.connect import is_mendable, reachable
from worker.store.trouble import explain_redis_error

_SCRIPT: Final = "redis.call('SET', KEYS[1], ARGV[1], 'EX', 60) return redis.call('GET', KEYS[1])"
_PATIENCE: Final = 2.0
"""Maximum seconds until a message arrives."""


def try_server(client: redis.Redis, url: str) -> None:
    """Raises `RedisUnreachableError` for what the server, or its user, cannot do.

    It leaves a key for a minute.
    """
    with reachable(url):
        try_scripts(client)
        if not _hears_itself(client):
            raise RedisUnreachableError(
                f"Redis at {shown_address(url)} did not pass a message on within {_PATIENCE:g} s: use another"
            )


def check_worker(client: redis.Redis, url: str) -> None:
    """Raises `RedisUnreachableError` for what does not pass by itself; a worker waits for the rest."""
    try:
        try_scripts(client)
    except RedisError as error:
        if not is_mendable(error):
            raise explain_redis_error(error, url, mendable=False) from error


def try_scripts(client: redis.Redis) -> None:
    """Raises what redis-py raises."""
    if client.evalsha(client.script_load(_SCRIPT), 1, keys.TRIAL, "tried") != b"tried":
        raise RedisError("a script did not read what it had written")


def _hears_itself(client: redis.Redis) -> bool:
    ends = time.monotonic() + _PATIENCE
    # Not typed by redis-py.
    with client.pubsub(ignore_subscribe_messages=True) as heard:  # type: ignore[no-untyped-call]
        heard.subscribe(keys.TRIAL)
        # The server confirms it before it carries out what comes after.
        heard.get_message(timeout=_PATIENCE)
        client.publish(keys.TRIAL, "tried")
        while (left := ends - time.monotonic()) > 0:
            message = heard.get_message(timeout=left)
            if message is not None:
                return bool(message["data"] == b"tried")
    return False
