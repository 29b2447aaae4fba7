"""The values behind the metrics, read from Redis in three round trips, however much is stored.

Sums over all jobs come from one hash that every commit adds to (`bulk:totals`): they survive workers, and a
job that is removed does not make them fall. What stands now is read from the jobs that are not at rest.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

import redis

from worker.core.job import WORKABLE
from worker.core.scope import Scope
from worker.core.unserved import left_alone
from worker.store import keys
from worker.store.live_jobs import LiveJob, read_live_jobs
from worker.store.spoilt import answers, finite, value_or
from worker.store.store_reader import BUDGET_FIELDS, WORKERS_WITHIN_MS, raw_budget

MAX_JOBS: Final = 500
"""Maximum jobs not at rest that are read; `jobs_live` counts all of them."""

MAX_ORGS: Final = 20
"""Maximum organizations with metrics of their own. There are few, since a person gives each its credential;
the cap protects Prometheus from forged ones."""

_NAME: Final = re.compile(rb"[0-9A-Za-z_:.-]{1,100}")
_COUNT: Final = re.compile(rb"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Org:
    """An organization for which jobs are not at rest."""

    allowed: float | None
    """Requests per second, over all workers; None before its first request."""
    held_seconds: float
    """Seconds left of the hold in force; 0 without one."""


@dataclass(slots=True)
class MetricsSnapshot:
    totals: Mapping[str, int]
    """`n_<outcome>`, `r_<kind>`, `sent:<org>`, `ended:<state>:<reason>`; see scripts/lib/job.lua.
    `x_<result>`, of token exchanges; see scripts/exchange/end.lua."""
    jobs: Counter[str] = field(default_factory=Counter)
    """Not at rest, by state."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Jobs not at rest by the code of their reason, as in `status`."""
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
    max_bytes: int = 0
    writes_fail: bool = False
    spoilt: Counter[str] = field(default_factory=Counter)
    """Count of values not written by us, by place: a shared key, 'job', 'budget' or 'queue'."""


def read_metrics_snapshot(client: redis.Redis, queues: Sequence[str]) -> MetricsSnapshot:
    """`queues`: the names of the broker's queues. Raises `RedisError`, but not for values of a wrong type."""
    with client.pipeline(transaction=False) as pipe:
        pipe.time()
        pipe.hgetall(keys.TOTALS)
        pipe.zrange(keys.WORKERS, 0, -1, withscores=True)
        pipe.zrange(keys.SCOPES, 0, -1, withscores=True)
        pipe.smembers(keys.LIVE)
        pipe.info("memory")
        pipe.info("persistence")
        for name in queues:
            pipe.llen(name)
        (seconds, micros), totals, beats, scopes, live, memory, persistence, *lengths = answers(pipe)
    now_ms = seconds * 1000 + micros / 1000
    spoilt: Counter[str] = Counter()
    job_ids = keys.job_ids(value_or(set(), live, keys.LIVE, spoilt))
    spoilt[keys.LIVE] += len(value_or((), live, keys.LIVE, Counter())) - len(job_ids)
    snapshot = MetricsSnapshot(
        totals=_totals(value_or({}, totals, keys.TOTALS, spoilt), spoilt),
        jobs_live=len(job_ids),
        beats=sorted((now_ms - beat) / 1000 for _, beat in value_or((), beats, keys.WORKERS, spoilt)),
        queue=sum(value_or(0, length, "queue", spoilt) for length in lengths),
        used_bytes=memory["used_memory"],
        max_bytes=memory.get("maxmemory") or memory.get("total_system_memory", 0),
        writes_fail="err"
        in {persistence.get("aof_last_write_status"), persistence.get("rdb_last_bgsave_status")},
        spoilt=spoilt,
    )
    jobs = read_live_jobs(client, sorted(job_ids)[:MAX_JOBS], spoilt)
    snapshot.orgs = _orgs(client, jobs, now_ms, spoilt)
    served = [
        Scope.parse(text.decode(errors="replace"))
        for text, beat in value_or((), scopes, keys.SCOPES, spoilt)
        if abs(now_ms - beat) <= WORKERS_WITHIN_MS
    ]
    for job in jobs:
        _add(snapshot, job, now_ms, served)
    return snapshot


def _totals(found: Mapping[bytes, bytes], spoilt: Counter[str]) -> dict[str, int]:
    totals = {}
    for name, value in found.items():
        if _NAME.fullmatch(name) and _COUNT.fullmatch(value):
            totals[name.decode()] = int(value)
        else:
            spoilt[keys.TOTALS] += 1
    return totals


def _orgs(
    client: redis.Redis, jobs: Sequence[LiveJob], now_ms: float, spoilt: Counter[str]
) -> dict[str, Org]:
    orgs_and_hosts = dict.fromkeys((job.org_id, job.host) for job in jobs if job.host)
    chosen = list(islice(orgs_and_hosts, MAX_ORGS))
    with client.pipeline(transaction=False) as pipe:
        for org_id, host in chosen:
            pipe.hmget(keys.budget(host, org_id), BUDGET_FIELDS)
        found = answers(pipe)
    orgs = {}
    for (org_id, _), values in zip(chosen, found, strict=True):
        try:
            budget = raw_budget(values)
            rate = None if budget.rate is None else finite(budget.rate)
            orgs[org_id] = Org(rate, max(0.0, finite(budget.held_until_ms) - now_ms) / 1000)
        except (ValueError, TypeError):
            spoilt["budget"] += 1
    return orgs


def _add(snapshot: MetricsSnapshot, job: LiveJob, now_ms: float, served: Sequence[Scope]) -> None:
    snapshot.jobs[job.state] += 1
    left = left_alone(job.fields, served) if job.state in WORKABLE else None
    if reason := left[0] if left else job.fields.get("reason_code"):
        snapshot.reasons[reason] += 1
    snapshot.ids_open.update(job.ids_open)
    snapshot.slices.update(job.slices)
    snapshot.oldest_seconds = max(snapshot.oldest_seconds, (now_ms - job.created_ms) / 1000)
    org = snapshot.orgs.get(job.org_id)
    if job.state in WORKABLE and not (org and org.held_seconds):
        snapshot.idle_seconds = max(snapshot.idle_seconds, (now_ms - job.moved_ms) / 1000)
