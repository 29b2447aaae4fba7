"""A slice of which workers die is tried alone, then set aside; one that progresses never is."""

import redis

from tests.store.job_setup import commit, counts, put_job, settled, state, take
from worker.core.reporting.rows import Row, rows_of
from worker.reports.recount import recount
from worker.reports.results import job_results
from worker.reports.status import read_report
from worker.store import keys
from worker.store.claims import Claim, ClaimEnd, ClaimStore
from worker.store.jobs import JobStore
from worker.store.script_calls import Code

DEATHS = 3


def lease_runs_out(client: redis.Redis, jobs: JobStore, job_id: str, slice_no: int = 0) -> None:
    """Its worker is dead: a sweep finds that."""
    client.zadd(keys.job(job_id, "claimed"), {str(slice_no): 1})
    assert slice_no in {ticket.slice_no for ticket in jobs.sweep(job_id)}


async def dies(jobs: JobStore, claims: ClaimStore, client: redis.Redis, job_id: str, mark: int = 0) -> None:
    """A worker claims slice 0, marks ids as perhaps sent, and dies."""
    claim = await take(claims, job_id, nonce="doomed")
    await commit(claims, claim, 1, mark=mark)
    lease_runs_out(client, jobs, job_id)


async def claim_alone(claims: ClaimStore, job_id: str) -> Claim:
    claim, _ = await claims.claim(job_id, 0, nonce="lone", worker="w", isolated_process=True)
    assert isinstance(claim, Claim)
    return claim


async def ask(claims: ClaimStore, job_id: str) -> Code:
    claim, _ = await claims.claim(job_id, 0, nonce="next", worker="w")
    return Code.CLAIMED if isinstance(claim, Claim) else claim


def rows(jobs: JobStore, job_id: str) -> list[Row]:
    return list(rows_of(job_results(jobs, job_id)))


async def test_after_three_deaths_only_an_isolated_process_may_claim_the_slice(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis
) -> None:
    job_id = put_job(jobs, 40)
    for _ in range(DEATHS):
        assert counts(jobs, job_id) == {"pending": 40}
        await dies(jobs, claims, client, job_id)
    assert await ask(claims, job_id) is Code.NEEDS_ISOLATION
    # No second message goes out while that process starts.
    assert jobs.sweep(job_id) == []
    claim = await claim_alone(claims, job_id)
    await commit(claims, claim, 1, [settled(0, "A" * 15)], mark=15, end=ClaimEnd.RELEASE)
    assert await ask(claims, job_id) is Code.CLAIMED


async def test_a_slice_that_progressed_between_two_deaths_is_not_deadly(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis
) -> None:
    job_id = put_job(jobs, 15 * 10)
    for number in range(2 * DEATHS):
        claim = await take(claims, job_id, nonce=f"n{number}")
        await commit(claims, claim, 1, [settled(15 * number, "A" * 15)], mark=15 * (number + 1))
        lease_runs_out(client, jobs, job_id)
    assert await ask(claims, job_id) is Code.CLAIMED


async def test_ambiguous_ids_are_no_progress(jobs: JobStore, claims: ClaimStore, client: redis.Redis) -> None:
    job_id = put_job(jobs, 40)
    for _ in range(DEATHS):
        claim = await take(claims, job_id, nonce="doomed")
        await commit(claims, claim, 1, [settled(0, "?" * 15)], mark=15)
        lease_runs_out(client, jobs, job_id)
    assert await ask(claims, job_id) is Code.NEEDS_ISOLATION


async def test_a_death_says_nothing_of_other_slices(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis
) -> None:
    job_id = put_job(jobs, 60, per_slice=30)
    for _ in range(DEATHS):
        other = await take(claims, job_id, 1, nonce="doomed")
        await commit(claims, other, 1, [], mark=0, end=ClaimEnd.RELEASE)
        await dies(jobs, claims, client, job_id)
    assert await ask(claims, job_id) is Code.NEEDS_ISOLATION
    await take(claims, job_id, 1)


async def test_a_slice_handed_over_or_put_off_is_no_death(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis
) -> None:
    job_id = put_job(jobs, 40)
    for end in (ClaimEnd.RELEASE, ClaimEnd.HAND_OVER, ClaimEnd.SNOOZE, ClaimEnd.RELEASE):
        claim = await take(claims, job_id, nonce=end)
        await commit(claims, claim, 1, mark=15, end=end)
    assert await ask(claims, job_id) is Code.CLAIMED


async def test_a_defect_of_ours_counts_as_a_death(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis
) -> None:
    job_id = put_job(jobs, 40)
    for number in range(DEATHS):
        claim = await take(claims, job_id, nonce=f"n{number}")
        await commit(claims, claim, 1, mark=15, end=ClaimEnd.BREAK)
    assert await ask(claims, job_id) is Code.NEEDS_ISOLATION


async def test_where_the_isolated_process_dies_too_the_slice_is_set_aside_and_the_job_goes_on(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis
) -> None:
    job_id = put_job(jobs, 60, per_slice=40)
    claim = await take(claims, job_id, nonce="first")
    await commit(claims, claim, 1, [settled(0, "A" * 15)], mark=15)
    lease_runs_out(client, jobs, job_id)
    for _ in range(DEATHS - 1):
        await dies(jobs, claims, client, job_id, mark=30)
    await claim_alone(claims, job_id)
    code, _ = await claims.set_aside(job_id, 0, "lone")
    assert code is Code.SET_ASIDE
    assert counts(jobs, job_id) == {"activated": 15, "unknown": 15, "not_attempted": 10, "pending": 20}
    assert (await ask(claims, job_id), state(jobs, job_id)) == (Code.DONE, "running")
    told = [(row.outcome, row.reason) for row in rows(jobs, job_id)]
    assert told[15:40] == [("unknown", "WORKER_DIED")] * 15 + [("not_attempted", "WORKER_DIED")] * 10
    other = await take(claims, job_id, 1)
    await commit(
        claims, other, 1, [settled(0, "A" * 15), settled(15, "A" * 5)], mark=20, end=ClaimEnd.RELEASE
    )
    assert state(jobs, job_id) == "completed"
    assert recount(jobs, job_id).differences == []
    (group,) = read_report(jobs, job_id).failures
    assert (group.reason, group.count, group.retryable) == ("WORKER_DIED", 25, True)


async def test_setting_aside_twice_changes_nothing(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis
) -> None:
    job_id = put_job(jobs, 60, per_slice=40)
    for _ in range(DEATHS):
        await dies(jobs, claims, client, job_id, mark=15)
    await claim_alone(claims, job_id)
    codes = [(await claims.set_aside(job_id, 0, "lone"))[0] for _ in range(2)]
    assert codes == [Code.SET_ASIDE, Code.FENCED]
    assert counts(jobs, job_id) == {"unknown": 15, "not_attempted": 25, "pending": 20}


async def test_an_isolated_process_that_progressed_before_it_died_gives_the_slice_back(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis
) -> None:
    job_id = put_job(jobs, 40)
    for _ in range(DEATHS):
        await dies(jobs, claims, client, job_id)
    claim = await claim_alone(claims, job_id)
    await commit(claims, claim, 1, [settled(0, "A" * 15)], mark=30)
    code, queue = await claims.set_aside(job_id, 0, "lone")
    assert (code, [ticket.slice_no for ticket in queue]) == (Code.GIVEN_BACK, [0])
    assert counts(jobs, job_id) == {"activated": 15, "ambiguous": 15, "pending": 10}
    assert (await commit(claims, claim, 2, [settled(15, "A" * 15)], mark=30)).code is Code.FENCED


async def test_an_isolated_process_that_died_before_it_claimed_or_lost_its_claim_ends_nothing(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis
) -> None:
    job_id = put_job(jobs, 40)
    for _ in range(DEATHS):
        await dies(jobs, claims, client, job_id)
    assert (await claims.set_aside(job_id, 0, "lone"))[0] is Code.FENCED
    assert counts(jobs, job_id) == {"pending": 40}
    assert (await claims.set_aside("nowhere", 0, "lone"))[0] is Code.NO_JOB


async def test_a_claim_whose_lease_ends_just_after_a_silence_is_spared_too(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis
) -> None:
    job_id = put_job(jobs, 40)
    await take(claims, job_id)
    jobs.sweep(job_id)
    now = jobs.now_ms()
    client.hset(keys.job(job_id), "swept_ms", now - 60_000)
    client.zadd(keys.job(job_id, "claimed"), {"0": now + 500})
    assert jobs.sweep(job_id) == []
    assert (client.zscore(keys.job(job_id, "claimed"), "0") or 0) > now + 3000


async def test_a_claim_is_spared_after_a_silence_that_began_before_the_first_sweep(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis
) -> None:
    job_id = put_job(jobs, 40)
    claim = await take(claims, job_id)
    client.hset(keys.job(job_id), "started_ms", jobs.now_ms() - 60_000)
    client.zadd(keys.job(job_id, "claimed"), {"0": 1})
    assert await ask(claims, job_id) is Code.TAKEN
    assert jobs.sweep(job_id) == []
    assert (await commit(claims, claim, 1, [settled(0, "A" * 15)], mark=15)).code is Code.COMMITTED


async def test_a_claim_is_spared_after_a_silence_of_the_store_once(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis
) -> None:
    """Sweeps come each second while the store can be reached."""
    job_id = put_job(jobs, 40)
    claim = await take(claims, job_id)
    await commit(claims, claim, 1, mark=15)
    jobs.sweep(job_id)

    def away_for_long() -> None:
        client.hset(keys.job(job_id), "swept_ms", jobs.now_ms() - 60_000)
        client.zadd(keys.job(job_id, "claimed"), {"0": 1})

    away_for_long()
    assert await ask(claims, job_id) is Code.TAKEN
    assert jobs.sweep(job_id) == []
    assert (await commit(claims, claim, 2, [settled(0, "A" * 15)], mark=30)).code is Code.COMMITTED
    away_for_long()
    assert jobs.sweep(job_id) == []
    away_for_long()
    # It said nothing since.
    assert [ticket.slice_no for ticket in jobs.sweep(job_id)] == [0]
    assert counts(jobs, job_id) == {"activated": 15, "ambiguous": 15, "pending": 10}
