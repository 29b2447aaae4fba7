"""An upload that nobody ends: no worker touches it, a sweep removes it, its submitter is told."""

import pytest
import redis

from tests.store.job_setup import ORG, put_job, state
from worker.core.batches.slices import Slice
from worker.core.errors import NoSuchJobError
from worker.core.reporting.skipped import SkippedLine
from worker.store import keys
from worker.store.claims import ClaimStore
from worker.store.jobs import JobStore
from worker.store.script_args import ABANDONED_MS

PART = [(0, Slice(("a", "b"), ((1, 2),)))]


def begin(jobs: JobStore, job_id: str = "job") -> str:
    jobs.create(job_id, {"org_id": ORG, "request_id": "key"}, request_id="key", fingerprint="f", fresh=False)
    jobs.put_slices(job_id, [*PART, (1, Slice(("c",), ((3, 1),)))])
    jobs.put_skipped(job_id, 0, [SkippedLine(9, None, None, "why")])
    return job_id


def silent_for(client: redis.Redis, jobs: JobStore, job_id: str, ms: int) -> None:
    then = jobs.now_ms() - ms
    client.hset(keys.job(job_id), mapping={"created_ms": then, "upload_ms": then})


async def test_an_upload_that_was_abandoned_leaves_no_key(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis
) -> None:
    job_id = begin(jobs)
    silent_for(client, jobs, job_id, ABANDONED_MS + 1000)
    await claims.sweep(job_id)
    assert client.keys("*") == []


async def test_an_upload_that_goes_on_is_left_alone(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis
) -> None:
    job_id = begin(jobs)
    silent_for(client, jobs, job_id, ABANDONED_MS + 1000)
    jobs.put_slices(job_id, PART)
    await claims.sweep(job_id)
    silent_for(client, jobs, job_id, ABANDONED_MS - 60_000)
    await claims.sweep(job_id)
    assert state(jobs, job_id) == "preparing"
    assert jobs.start_job(job_id, {}, total=3, slices=2, deadline=None, per_slice=2)


async def test_a_submitter_that_wakes_after_its_upload_was_removed_is_told_and_leaves_nothing(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis
) -> None:
    job_id = begin(jobs)
    silent_for(client, jobs, job_id, ABANDONED_MS + 1000)
    await claims.sweep(job_id)
    with pytest.raises(NoSuchJobError, match="submit it again"):
        jobs.put_slices(job_id, PART)
    with pytest.raises(NoSuchJobError, match="submit it again"):
        jobs.put_skipped(job_id, 1, [])
    jobs.discard(job_id)
    assert client.keys("*") == []
    assert begin(jobs, "another") == "another"


def test_what_goes_wrong_after_the_launch_removes_nothing(jobs: JobStore) -> None:
    """A twin of the upload, by the same request id, may have launched the job meanwhile."""
    job_id = put_job(jobs, 40)
    jobs.put_slices(job_id, PART)
    jobs.discard(job_id)
    assert state(jobs, job_id) == "queued"
    assert [len(item.part.ids) for item in jobs.slices(job_id, 1)] == [40]


def test_a_job_that_rests_is_not_discarded(jobs: JobStore) -> None:
    job_id = put_job(jobs, 0)
    jobs.discard(job_id)
    assert state(jobs, job_id) == "completed"
