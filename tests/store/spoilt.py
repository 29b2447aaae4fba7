"""What somebody else could leave in the keys that all jobs share, and in a job's own."""

from collections.abc import Callable, Mapping
from typing import Final

import redis

from worker.store import keys

MEMBERS: Final = (b"\xff\xfe", b"}:{", b"a b\n", b"x" * 300, b"20990101-000000-0badf00d", b"")
"""No UTF-8, nothing that stands in a key, and a job that is not there."""

ABSURD: Final[tuple[str | bytes, ...]] = (
    "nan",
    "inf",
    "-inf",
    "1e400",
    "-1",
    "1e300",
    "text",
    "",
    b"\xff",
    str(10**40),
)


def litter(client: redis.Redis) -> None:
    for member in MEMBERS:
        client.zadd(keys.JOBS, {member: 1})
        client.sadd(keys.LIVE, member)
        client.zadd(keys.NOTIFY, {member: 0})
        client.zadd(keys.WORKERS, {member: 1})
        client.hset(keys.PURGING, member, "1e15")
        client.hset(keys.TOTALS, member, "nonsense")
    for place, number in enumerate(ABSURD):
        client.hset(keys.TOTALS, f"n_odd{place}", number)
    client.hset(keys.TOTALS, "n_activated", "no number")
    client.hset(keys.TOTALS, "ended:a:b:c:d", "7")


def of_wrong_type(client: redis.Redis, key: str) -> None:
    client.delete(key)
    client.set(key, "of another type")


def spoil_job(client: redis.Redis, job_id: str, fields: Mapping[str, str | bytes]) -> None:
    client.hset(keys.job(job_id), mapping=fields)  # type: ignore[arg-type]


WAYS: Final[dict[str, Callable[[redis.Redis, str], None]]] = {
    "another type": lambda client, job_id: of_wrong_type(client, keys.job(job_id)),
    "endless slices": lambda client, job_id: spoil_job(client, job_id, {"slices": "1e15", "next_slice": "0"}),
    "infinite slices": lambda client, job_id: spoil_job(client, job_id, {"slices": "inf"}),
    "pending is no number": lambda client, job_id: spoil_job(client, job_id, {"n_pending": "nan"}),
    "pending is text": lambda client, job_id: spoil_job(client, job_id, {"n_pending": "many"}),
    "a time past all dates": lambda client, job_id: spoil_job(client, job_id, {"created_ms": "1e300"}),
    "a text that is none": lambda client, job_id: spoil_job(client, job_id, {"created_ms": b"\xff"}),
    "history of another type": lambda client, job_id: of_wrong_type(client, keys.job(job_id, "history")),
}

TELLABLE: Final = {"endless slices", "infinite slices"}
"""Of these `status` tells all the same."""
