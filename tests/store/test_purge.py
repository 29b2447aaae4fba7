"""A job that is removed leaves no key, whoever removes it, and however often it was begun."""

import asyncio
from typing import cast

import pytest
import redis

from tests.store.job_setup import ORG, commit, put_job, settled, state, take
from worker.core.errors import NoSuchJobError, StateChangeError
from worker.core.job import Control
from worker.core.reporting.skipped import SkippedLine
from worker.store import keys
from worker.store.claims import ClaimEnd, ClaimStore
from worker.store.jobs import JobStore
from worker.store.script_args import PURGED_AT_ONCE, purge_args
from worker.store.script_calls import Code, Script


def left(client: redis.Redis) -> set[str]:
    """Every key but the sums over all jobs, which are no job's."""
    return {key.decode() for key in cast("list[bytes]", client.keys("*"))} - {keys.TOTALS}


async def completed(jobs: JobStore, claims: ClaimStore, parent: str | None = None) -> str:
    """A job at rest that has every kind of key."""
    ids = 40
    if parent is None:
        job_id = put_job(jobs, ids)
    else:
        job_id = put_job(jobs, ids, root_job_id=parent, parent_job_id=parent)
    jobs.put_skipped(job_id, 0, [SkippedLine(9, None, None, "why")])
    claim = await take(claims, job_id)
    whole = [settled(0, "A" * 14 + "F")]
    await commit(claims, claim, 1, whole, mark=15)
    rest = [settled(at, "A" * min(15, ids - at)) for at in range(15, ids, 15)]
    rest.append(settled(14, "F", attempts=2))
    await commit(claims, claim, 2, rest, mark=ids, end=ClaimEnd.RELEASE)
    assert state(jobs, job_id) == "completed"
    return job_id


async def test_a_purge_leaves_no_key_behind(jobs: JobStore, claims: ClaimStore, client: redis.Redis) -> None:
    job_id, made = jobs.create(
        "job", {"org_id": ORG, "request_id": "k"}, request_id="k", fingerprint="f", fresh=False
    )
    assert made
    jobs.start_job(job_id, {}, total=0, slices=0, deadline=None)
    other = await completed(jobs, claims)
    child = await completed(jobs, claims, other)
    assert jobs.family(other) == [child]
    for name in (job_id, child, other):
        jobs.purge(name)
    assert left(client) == set()


async def test_a_purge_touches_no_other_job(jobs: JobStore, claims: ClaimStore, client: redis.Redis) -> None:
    kept = await completed(jobs, claims)
    before = left(client)
    jobs.purge(await completed(jobs, claims))
    assert left(client) == before
    assert state(jobs, kept) == "completed"


def test_the_request_id_of_a_later_job_stays(jobs: JobStore, client: redis.Redis) -> None:
    for name in ("one", "two"):
        jobs.create(name, {"org_id": ORG, "request_id": "k"}, request_id="k", fingerprint="f", fresh=True)
        jobs.start_job(name, {}, total=0, slices=0, deadline=None)
    jobs.purge("one")
    assert (client.get(keys.request("k")) or b"").split()[0] == b"two"
    jobs.purge("two")
    assert left(client) == set()


@pytest.mark.parametrize("control", [None, Control.PAUSE])
def test_a_job_that_does_not_rest_is_refused_and_unharmed(
    jobs: JobStore, client: redis.Redis, control: Control | None
) -> None:
    job_id = put_job(jobs, 40)
    if control is not None:
        jobs.control(job_id, control, code="user", message="", actor="me")
    before = left(client)
    with pytest.raises(StateChangeError, match=r"cannot purge .* it is (queued|paused), .*cancel"):
        jobs.purge(job_id)
    assert left(client) == before


def test_purging_a_job_that_does_not_exist(jobs: JobStore) -> None:
    with pytest.raises(NoSuchJobError):
        jobs.purge("nowhere")


async def test_a_late_worker_brings_nothing_back(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis
) -> None:
    job_id = put_job(jobs, 40)
    claim = await take(claims, job_id)
    jobs.control(job_id, Control.CANCEL, code="user", message="", actor="me")
    client.zadd(keys.job(job_id, "claimed"), {"0": 1})
    jobs.sweep(job_id)
    jobs.purge(job_id)
    assert (await commit(claims, claim, 1, [settled(0, "A" * 15)], mark=15)).code is Code.NO_JOB
    assert (await claims.claim(job_id, 0, nonce="x", worker="w"))[0] is Code.NO_JOB
    assert jobs.sweep(job_id) == []
    assert left(client) == set()


async def test_a_job_is_gone_at_the_first_step_and_anyone_finishes(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis
) -> None:
    job_id = put_job(jobs, 2 * PURGED_AT_ONCE + 1, per_slice=1)
    jobs.control(job_id, Control.CANCEL, code="user", message="", actor="me")
    begun = jobs._call(Script.PURGE, job_id, purge_args(0))
    assert begun.code is Code.PURGING
    assert list(jobs.summaries()) == []
    with pytest.raises(NoSuchJobError):
        jobs.read(job_id)
    assert await claims.maybe_rested(10**12) == [job_id]
    assert sorted(await asyncio.gather(*(claims.purge(job_id, 10**12) for _ in range(3)))) == [
        False,
        False,
        True,
    ]
    assert left(client) == set()


async def test_every_way_to_rest_starts_the_time_of_keeping(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis
) -> None:
    done = await completed(jobs, claims)
    cancelled = put_job(jobs, 40)
    jobs.control(cancelled, Control.CANCEL, code="user", message="", actor="me")
    failed = put_job(jobs, 40)
    jobs.control(failed, Control.FAIL, code="organization_forbidden", message="", actor="me")
    expired = put_job(jobs, 40, deadline=600)
    client.hset(keys.job(expired), "deadline_ms", 1)
    jobs.sweep(expired)
    empty = put_job(jobs, 0)
    resting = {done, cancelled, failed, expired, empty}
    running = put_job(jobs, 40)
    await take(claims, running)
    paused = put_job(jobs, 40)
    jobs.control(paused, Control.PAUSE, code="user", message="", actor="me")
    moving = {put_job(jobs, 40), running, paused}
    assert {str(jobs.field(name, "state")) for name in resting} == {
        "completed",
        "cancelled",
        "failed",
        "expired",
    }
    for name in resting | moving:
        assert not await claims.purge(name, 60_000)
        # As if all of it had been two minutes ago.
        created = int(jobs.field(name, "created_ms") or 0) - 120_000
        client.hset(keys.job(name), "created_ms", created)
        client.zadd(keys.JOBS, {name: created})
        if name in resting:
            client.hincrby(keys.job(name), "ended_ms", -120_000)
    assert set(await claims.maybe_rested(60_000)) == resting | moving
    assert {name for name in resting | moving if await claims.purge(name, 60_000)} == resting
    assert {fields["id"] for fields in jobs.summaries()} == moving


async def test_a_job_that_ended_lately_stays_however_old_it_is(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis
) -> None:
    job_id = await completed(jobs, claims)
    client.zadd(keys.JOBS, {job_id: 1})
    assert await claims.maybe_rested(60_000) == [job_id]
    assert not await claims.purge(job_id, 60_000)
    assert state(jobs, job_id) == "completed"
