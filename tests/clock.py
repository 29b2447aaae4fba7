"""Simulates a clock of Redis that steps back, by moving all stored times ahead.

`client` is untyped, since redis-py's types for the results of these commands do not help.
"""

from typing import Any, Final

HOUR: Final = 3600.0

_SCORED: Final = ("bulk:workers", "bulk:scopes", "bulk:notify", "bulk:*:claimed", "bulk:*:waiting")
_MICROS: Final = ("tat_us", "hold_us", "due_us", "decided_us", "from_us", "handed_us", "advice_us")
_MILLIS: Final = ("swept_ms", "active_since", "started_ms", "created_ms", "moved_ms", "upload_ms")


def step_back(client: Any, seconds: float = HOUR) -> None:
    """Moves every stored time ahead by `seconds`: the same as a clock that steps back."""
    for pattern in _SCORED:
        for key in client.keys(pattern):
            for member, score in client.zrange(key, 0, -1, withscores=True):
                client.zadd(key, {member: score + 1000 * seconds}, xx=True)
    for key in client.keys("bulk:budget:*"):
        if key.endswith((b":workers", b":jobs")):
            _move_seen(client, key, 1e6 * seconds)
        else:
            _move(client, key, _MICROS, 1e6 * seconds)
    for key in client.keys("bulk:*:job"):
        _move(client, key, _MILLIS, 1000 * seconds)


def _move(client: Any, key: bytes, fields: tuple[str, ...], by: float) -> None:
    for field in fields:
        value = client.hget(key, field)
        if value is not None and float(value) > 0:
            client.hset(key, field, f"{float(value) + by:.0f}")


def _move_seen(client: Any, key: bytes, by: float) -> None:
    """Moves the times in a hash, which come first in values of workers and last in those of jobs."""
    position = 0 if key.endswith(b":workers") else -1
    for field, value in client.hgetall(key).items():
        words = value.decode().split(" ")
        words[position] = f"{float(words[position]) + by:.0f}"
        client.hset(key, field, " ".join(words))
