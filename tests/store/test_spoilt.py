"""What somebody spoilt in Redis harms one job at most, and is said."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
import redis

from tests.servers import valkey9
from tests.store.conftest import Backend
from tests.store.job_setup import HOST, ORG, commit, counts, put_job, settled, take
from tests.store.spoilt import MEMBERS, TELLABLE, WAYS, litter, of_wrong_type, spoil_job
from worker.core.errors import DamagedRecordError
from worker.monitoring.metrics.families import families
from worker.reports.status import read_report
from worker.store import keys
from worker.store.claims import ClaimEnd, ClaimStore
from worker.store.jobs import JobStore
from worker.store.metrics_snapshot import read_metrics_snapshot
from worker.store.script_calls import Code

GONE = MEMBERS[4].decode()
SHARED = (keys.NOTIFY, keys.TOTALS, keys.LIVE)


async def finish(jobs: JobStore, claims: ClaimStore, job_id: str) -> None:
    claim = await take(claims, job_id)
    done = await commit(claims, claim, 1, [settled(0, "A" * 15)], end=ClaimEnd.RELEASE, requests={"sent": 1})
    assert done.code is Code.COMMITTED
    assert counts(jobs, job_id) == {"activated": 15}
    assert jobs.read(job_id).fields["state"] == "completed"


async def test_a_job_goes_on_beside_litter(
    backend: Backend, client: redis.Redis, jobs: JobStore, claims: ClaimStore
) -> None:
    job_id = put_job(jobs, 15)
    litter(client)
    assert set(await claims.live_jobs()) == {job_id, GONE}
    assert set(jobs.lease_notifications(50, 1000)) == {job_id, GONE}
    assert [fields["id"] for fields in jobs.summaries()] == [job_id]
    for found in await claims.maybe_rested(0):
        # The litter gives it as many slices as a job can have: fakeredis would take minutes for them.
        if backend.fake is None:
            await claims.purge(found, 0)
    await finish(jobs, claims, job_id)


@pytest.mark.parametrize("key", SHARED)
async def test_a_job_goes_on_where_shared_keys_are_of_another_type(
    client: redis.Redis, jobs: JobStore, claims: ClaimStore, key: str
) -> None:
    job_id = put_job(jobs, 15)
    of_wrong_type(client, key)
    await claims.sweep(job_id)
    await finish(jobs, claims, job_id)


@pytest.mark.parametrize("way", WAYS)
async def test_a_damaged_job_is_named_and_others_are_not_touched(
    backend: Backend, client: redis.Redis, jobs: JobStore, claims: ClaimStore, way: str
) -> None:
    good, bad = put_job(jobs, 15), put_job(jobs, 15)
    WAYS[way](client, bad)
    named = pytest.raises(DamagedRecordError, match=f"the record of job {bad} is damaged")
    # What can be told of a job that goes on asks the server about itself, which fakeredis cannot say.
    if way not in TELLABLE:
        with named:
            read_report(jobs, bad)
    elif backend.fake is None:
        read_report(jobs, bad)
    with suppress(redis.ResponseError):
        await claims.sweep(bad)
    assert {fields["id"] for fields in jobs.summaries()} == {good, bad}
    await claims.sweep(good)
    await finish(jobs, claims, good)


async def test_an_incomplete_slice_is_reported_at_its_claim(
    client: redis.Redis, jobs: JobStore, claims: ClaimStore
) -> None:
    job_id = put_job(jobs, 15)
    spoil_job(client, job_id, {"total": "14"})
    with pytest.raises(DamagedRecordError, match=r"slice 0: .* 15 ids, and its job says 14"):
        await take(claims, job_id)


async def test_a_slice_that_the_job_does_not_have_costs_nothing(jobs: JobStore, claims: ClaimStore) -> None:
    job_id = put_job(jobs, 15)
    code, _ = await claims.claim(job_id, 7, nonce="n", worker="w")
    assert code is Code.NO_JOB
    await finish(jobs, claims, job_id)


@pytest.fixture
def real() -> Iterator[redis.Redis]:
    with valkey9() as server, redis.Redis.from_url(server.server.url) as client:
        yield client


def test_a_damaged_job_can_be_removed(real: redis.Redis) -> None:
    """Its slices are as many as a job can have: fakeredis would take minutes for them."""
    jobs = JobStore(real)
    job_id = put_job(jobs, 15)
    spoil_job(real, job_id, {"slices": "1e15", "state": "completed", "ended_ms": "1"})
    jobs.purge(job_id)
    assert real.keys(f"bulk:{{{job_id}}}:*") == []


def test_the_metrics_answer_and_count_spoilt_keys(real: redis.Redis) -> None:
    jobs = JobStore(real)
    good = put_job(jobs, 15)
    litter(real)
    for way in WAYS.values():
        way(real, put_job(jobs, 15))
    spoil_job(real, put_job(jobs, 15), {"org_id": "../../x"})
    real.hset(keys.job(good), "host", HOST)
    real.hset(keys.budget(HOST, ORG), mapping={"rate": "nan", "ceiling": "7"})
    snapshot = read_metrics_snapshot(real, ["queue"])
    names = [sample.name for family in families(snapshot) for sample in family.samples]
    assert "bulk_activate_redis_spoilt" in names
    assert snapshot.spoilt[keys.LIVE] == len(MEMBERS) - 1
    assert snapshot.spoilt[keys.TOTALS] >= len(MEMBERS)
    assert snapshot.spoilt["budget"] == 1
    # Of the ways, two leave what the metrics ask for as it is.
    assert snapshot.spoilt["job"] == len(WAYS) - 3 + 1
    assert snapshot.jobs["queued"] == 1 + 3
    whole = (keys.LIVE, keys.SCOPES, keys.TOTALS, keys.WORKERS, "queue")
    for key in whole:
        of_wrong_type(real, key)
    snapshot = read_metrics_snapshot(real, ["queue"])
    assert [snapshot.spoilt[key] for key in whole] == [1] * len(whole)
    told = {
        (sample.labels["where"], sample.value)
        for family in families(snapshot)
        for sample in family.samples
        if sample.name == "bulk_activate_redis_spoilt"
    }
    assert {(key, 1.0) for key in whole} <= told
    assert {where for where, _ in told} >= set(snapshot.spoilt), "a place that is counted is told"


def test_a_job_is_reported_where_the_scopes_of_workers_are_of_another_type(real: redis.Redis) -> None:
    jobs = JobStore(real)
    job_id = put_job(jobs, 15)
    of_wrong_type(real, keys.SCOPES)
    report = read_report(jobs, job_id)
    assert (report.state, report.state_reason.code) == ("queued", None)
