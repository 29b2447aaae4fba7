"""Who works on a slice, and what becomes of it when that ends badly."""

import pytest
import redis

from tests.store.job_setup import commit, counts, put_job, settled, state, take
from worker.core.fairness import SliceCounts
from worker.core.job import Control
from worker.store import keys
from worker.store.claims import Claim, ClaimEnd, ClaimStore
from worker.store.jobs import JobStore
from worker.store.script_args import REDELIVER_AFTER_MS, WINDOW
from worker.store.script_calls import Code


def expire_lease(client: redis.Redis, job_id: str, slice_no: int = 0) -> None:
    """As if its worker had been silent for long."""
    client.zadd(keys.job(job_id, "claimed"), {str(slice_no): 1})


async def test_a_claim_starts_the_job_and_hands_over_its_ids(jobs: JobStore, claims: ClaimStore) -> None:
    job_id = put_job(jobs, 40)
    assert state(jobs, job_id) == "queued"
    claim = await take(claims, job_id)
    assert state(jobs, job_id) == "running"
    assert claim.part.ids == tuple(f"id-{index}" for index in range(40))


async def test_a_slice_has_one_worker_at_a_time(jobs: JobStore, claims: ClaimStore) -> None:
    job_id = put_job(jobs, 40)
    await take(claims, job_id, nonce="one")
    assert await claims.claim(job_id, 0, nonce="two", worker="w") == (Code.TAKEN, [])


async def test_a_claim_that_is_repeated_is_the_same_claim(jobs: JobStore, claims: ClaimStore) -> None:
    job_id = put_job(jobs, 40)
    assert (await take(claims, job_id)).number == (await take(claims, job_id)).number


async def test_after_a_death_marked_ids_are_ambiguous_and_the_rest_untouched(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis
) -> None:
    job_id = put_job(jobs, 60)
    dead = await take(claims, job_id, nonce="dead")
    await commit(claims, dead, 1, [settled(0, "A" * 15)], mark=30)
    expire_lease(client, job_id)
    claim = await take(claims, job_id, nonce="next")
    assert claim.stored.outcomes == b"A" * 15 + b"?" * 15
    assert counts(jobs, job_id) == {"activated": 15, "ambiguous": 15, "pending": 30}
    assert claim.number > dead.number


async def test_a_slice_given_back_cleanly_leaves_no_doubt(jobs: JobStore, claims: ClaimStore) -> None:
    job_id = put_job(jobs, 60)
    claim = await take(claims, job_id, nonce="one")
    done = await commit(claims, claim, 1, [settled(0, "A" * 15)], mark=45, end=ClaimEnd.RELEASE)
    assert [ticket.slice_no for ticket in done.queue] == [0]
    again = await take(claims, job_id, nonce="two")
    assert again.stored.outcomes == b"A" * 15
    assert counts(jobs, job_id) == {"activated": 15, "pending": 45}


async def test_a_stopping_worker_leaves_the_message_to_the_next_sweep(
    jobs: JobStore, claims: ClaimStore
) -> None:
    job_id = put_job(jobs, 60)
    claim = await take(claims, job_id)
    done = await commit(claims, claim, 1, mark=30, end=ClaimEnd.HAND_OVER)
    assert done.queue == []
    assert [ticket.slice_no for ticket in jobs.sweep(job_id)] == [0]
    assert jobs.sweep(job_id) == []


async def test_a_sweep_finds_a_lease_that_ran_out_and_fences_its_holder(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis
) -> None:
    job_id = put_job(jobs, 60)
    frozen = await take(claims, job_id)
    await commit(claims, frozen, 1, mark=15)
    expire_lease(client, job_id)
    assert [ticket.slice_no for ticket in jobs.sweep(job_id)] == [0]
    assert jobs.sweep(job_id) == []
    assert (await commit(claims, frozen, 2, [settled(0, "A" * 15)], mark=15)).code is Code.FENCED
    assert counts(jobs, job_id) == {"ambiguous": 15, "pending": 45}


async def test_a_sweep_sends_a_lost_message_again(jobs: JobStore, client: redis.Redis) -> None:
    job_id = put_job(jobs, 60)
    assert jobs.sweep(job_id) == []
    client.zadd(keys.job(job_id, "waiting"), {"0": 1})
    assert [ticket.size for ticket in jobs.sweep(job_id)] == [60]


async def test_only_a_window_of_slices_waits_in_the_queue(jobs: JobStore, claims: ClaimStore) -> None:
    job_id = put_job(jobs, 2880 * 20)
    waiting = jobs.read(job_id).fields["next_slice"]
    assert int(waiting) == WINDOW
    claim, queue = await claims.claim(job_id, 0, nonce="n", worker="w")
    assert isinstance(claim, Claim)
    assert [(ticket.slice_no, ticket.size) for ticket in queue] == [(WINDOW, 2880)]


async def test_a_done_slice_is_not_claimed_again(jobs: JobStore, claims: ClaimStore) -> None:
    job_id = put_job(jobs, 2880 + 5)
    claim = await take(claims, job_id, 1)
    await commit(claims, claim, 1, [settled(0, "A" * 5)], mark=5, end=ClaimEnd.RELEASE)
    assert (await claims.claim(job_id, 1, nonce="x", worker="w"))[0] is Code.DONE


@pytest.mark.parametrize("job_id", ["nowhere", "", "a}b", "ä"])
async def test_a_job_that_does_not_exist_cannot_be_claimed(
    claims: ClaimStore, client: redis.Redis, job_id: str
) -> None:
    assert (await claims.claim(job_id, 0, nonce="n", worker="w"))[0] is Code.NO_JOB


async def test_a_sweep_returns_the_slice_that_has_waited_longest_of_a_workable_job(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis
) -> None:
    job_id = put_job(jobs, 90, per_slice=15)
    await take(claims, job_id, 0)
    client.zadd(keys.job(job_id, "waiting"), {"4": jobs.now_ms() - 5000 + REDELIVER_AFTER_MS})
    counts = (await claims.sweep(job_id)).counts
    assert (counts.waiting, counts.claimed, counts.oldest_waiting) == (5, 1, 4)
    assert 5000 <= counts.waited_ms < 15_000
    # What waits for a hold to end has not waited yet.
    for number in range(1, 6):
        client.zadd(keys.job(job_id, "waiting"), {str(number): jobs.now_ms() + 60_000})
    assert (await claims.sweep(job_id)).counts.waited_ms == 0
    jobs.control(job_id, Control.PAUSE, code="user", message="", actor="me")
    assert (await claims.sweep(job_id)).counts == SliceCounts(0, 1)
