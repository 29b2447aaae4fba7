"""Versions that work on one record: what one of them does not know of it is left alone, and said."""

import pytest
import redis

from tests.servers import RealServer
from tests.store.steps import commit, counts, put_job, settled, state, take
from worker.core.job import RECORD_VERSION
from worker.reports.status import read_report
from worker.store import keys
from worker.store.claims import ClaimEnd, ClaimStore
from worker.store.connect import sync_client
from worker.store.jobs import JobStore
from worker.store.steps import Code, Script, source


def test_a_job_carries_the_version_of_its_record(jobs: JobStore) -> None:
    assert jobs.field(put_job(jobs, 15), "record_version") == RECORD_VERSION
    assert f"local RECORD_VERSION = '{RECORD_VERSION}'\n" in source(Script.CLAIM)


@pytest.mark.parametrize("version", ["2", "0", "99999999999999999999", "new", ""])
async def test_a_job_of_another_version_is_left_alone_and_that_is_said(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis, version: str
) -> None:
    job_id = put_job(jobs, 60, deadline=0.001)
    client.hset(keys.job(job_id), "record_version", version)
    before = {key: client.dump(key) for key in client.keys(f"bulk:{{{job_id}}}:*")}
    assert (await claims.claim(job_id, 0, nonce="n", worker="w"))[0] is Code.OTHER_VERSION
    assert (await claims.sweep(job_id)).queue == []
    assert {key: client.dump(key) for key in client.keys(f"bulk:{{{job_id}}}:*")} == before


def test_the_report_says_so(valkey: RealServer) -> None:
    with sync_client(valkey.server.url) as client:
        jobs = JobStore(client)
        job_id = put_job(jobs, 60)
        assert read_report(jobs, job_id).state_reason.code is None
        client.hset(keys.job(job_id), "record_version", "2")
        reason = read_report(jobs, job_id).state_reason
        assert (reason.code, "version '2'" in str(reason.message)) == ("other_record_version", True)


async def test_a_job_from_before_versions_were_noted_is_worked_on(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis
) -> None:
    job_id = put_job(jobs, 15)
    client.hdel(keys.job(job_id), "record_version")
    claim = await take(claims, job_id)
    await commit(claims, claim, 1, [settled(0, "A" * 15)], mark=15, end=ClaimEnd.RELEASE)
    assert state(jobs, job_id) == "completed"


@pytest.mark.parametrize("notes", [False, True])
async def test_what_an_older_worker_wrote_last_is_taken_as_it_is(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis, *, notes: bool
) -> None:
    """Half of a slice by one that notes no lengths, or not of which claim, nor how many reasons there are."""
    job_id = put_job(jobs, 30)
    old = await take(claims, job_id, nonce="old")
    await commit(claims, old, 1, [settled(0, "A" * 14 + "F", why="REFUSED")], mark=15, end=ClaimEnd.RELEASE)
    client.hdel(keys.of_slice(job_id, "slice", 0), *(("len_of",) if notes else ("len", "len_of")))
    client.hdel(keys.job(job_id), "interned")
    claim = await take(claims, job_id, nonce="new")
    await commit(claims, claim, 1, [settled(15, "A" * 15)], mark=30, end=ClaimEnd.RELEASE)
    assert (state(jobs, job_id), counts(jobs, job_id)) == ("completed", {"activated": 29, "failed": 1})
