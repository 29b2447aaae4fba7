"""What the metrics tell, read from Redis in three round trips, however much is stored.

Sums over all jobs come from one hash that every commit adds to (`bulk:totals`): they survive workers, and a
job that is removed does not make them fall. What stands now is read from the jobs that are not at rest.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, cast

import redis

from worker.core.job import WORKABLE
from worker.store import keys
from worker.store.jobs import BUDGET_FIELDS, raw_budget

MOST_JOBS: Final = 500
"""Jobs not at rest that are looked at; the number of all is told all the same."""

MOST_ORGS: Final = 20
"""Organizations told apart. Each that there is needs a credential that a person put in place, so they are
few; the cap holds whatever happens."""

_FIELDS: Final = ("state", "org_id", "host", "reason_code", "created_ms", "active_since", "moved_ms")


@dataclass(frozen=True, slots=True)
class Org:
    """An organization for which jobs are not at rest."""

    allowed: float | None
    """Requests per second, over all workers; None before its first request."""
    held_seconds: float
    """That a hold in force still lasts."""


@dataclass(slots=True)
class Facts:
    totals: Mapping[str, int]
    """`n_<outcome>`, `r_<kind>`, `sent:<org>`, `ended:<state>:<reason>`; see scripts/prelude.lua."""
    jobs: Counter[str] = field(default_factory=Counter)
    """Not at rest, by state."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Of these, by why they stand as they do."""
    jobs_live: int = 0
    oldest_seconds: float = 0.0
    idle_seconds: float = 0.0
    """Longest time without a settled id, over jobs that are to be worked on and not held by a 429."""
    ids_open: Counter[str] = field(default_factory=Counter)
    slices: Counter[str] = field(default_factory=Counter)
    queue: int = 0
    beats: Sequence[float] = ()
    """Seconds since the last heartbeat of each worker that is known."""
    orgs: Mapping[str, Org] = field(default_factory=dict)
    used_bytes: int = 0
    most_bytes: int = 0
    writes_fail: bool = False


def read_facts(client: redis.Redis, queues: Sequence[str]) -> Facts:
    """`queues`: the names of the broker's queues. Raises what Redis raises."""
    with client.pipeline(transaction=False) as pipe:
        pipe.time()
        pipe.hgetall(keys.TOTALS)
        pipe.zrange(keys.WORKERS, 0, -1, withscores=True)
        pipe.smembers(keys.LIVE)
        pipe.info("memory")
        pipe.info("persistence")
        for name in queues:
            pipe.llen(name)
        (seconds, micros), totals, beats, live, memory, persistence, *lengths = pipe.execute()
    now_ms = seconds * 1000 + micros / 1000
    facts = Facts(
        totals={name.decode(): int(value) for name, value in totals.items()},
        jobs_live=len(live),
        beats=sorted((now_ms - beat) / 1000 for _, beat in beats),
        queue=sum(lengths),
        used_bytes=memory["used_memory"],
        most_bytes=memory.get("maxmemory") or memory.get("total_system_memory", 0),
        writes_fail="err"
        in {persistence.get("aof_last_write_status"), persistence.get("rdb_last_bgsave_status")},
    )
    jobs = _jobs(client, [name.decode() for name in islice(sorted(live), MOST_JOBS)])
    facts.orgs = _orgs(client, jobs, now_ms)
    for job in jobs:
        _add(facts, job, now_ms)
    return facts


def _jobs(client: redis.Redis, job_ids: Sequence[str]) -> list[dict[str, Any]]:
    with client.pipeline(transaction=False) as pipe:
        for job_id in job_ids:
            pipe.hmget(keys.job(job_id), [*_FIELDS, "n_pending", "n_ambiguous"])
            pipe.zcard(keys.job(job_id, "waiting"))
            pipe.zcard(keys.job(job_id, "claimed"))
        found = pipe.execute()
    jobs = []
    for values, waiting, claimed in zip(found[::3], found[1::3], found[2::3], strict=True):
        texts = [None if value is None else value.decode() for value in values]
        job = dict(zip((*_FIELDS, "pending", "ambiguous"), texts, strict=True))
        if job["state"] is not None:
            jobs.append({**job, "waiting": waiting, "claimed": claimed})
    return jobs


def _orgs(client: redis.Redis, jobs: Sequence[Mapping[str, Any]], now_ms: float) -> dict[str, Org]:
    places = dict.fromkeys((job["org_id"], job["host"]) for job in jobs if job["host"])
    chosen = list(islice(places, MOST_ORGS))
    with client.pipeline(transaction=False) as pipe:
        for org_id, host in chosen:
            pipe.hmget(keys.budget(host, org_id), BUDGET_FIELDS)
        found = cast("list[list[bytes | None]]", pipe.execute())
    orgs = {}
    for (org_id, _), values in zip(chosen, found, strict=True):
        budget = raw_budget(values)
        orgs[org_id] = Org(budget.rate, max(0.0, budget.held_until_ms - now_ms) / 1000)
    return orgs


def _add(facts: Facts, job: Mapping[str, Any], now_ms: float) -> None:
    facts.jobs[job["state"]] += 1
    if job["reason_code"]:
        facts.reasons[job["reason_code"]] += 1
    for name in ("pending", "ambiguous"):
        facts.ids_open[name] += int(job[name] or 0)
    for name in ("waiting", "claimed"):
        facts.slices[name] += job[name]
    created = float(job["created_ms"])
    facts.oldest_seconds = max(facts.oldest_seconds, (now_ms - created) / 1000)
    org = facts.orgs.get(job["org_id"])
    if job["state"] in WORKABLE and not (org and org.held_seconds):
        moved = max(created, *(float(job[name] or 0) for name in ("active_since", "moved_ms")))
        facts.idle_seconds = max(facts.idle_seconds, (now_ms - moved) / 1000)
