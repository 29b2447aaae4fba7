"""Keys deleted by hand: the job fails and says so, nothing is guessed, other jobs are unharmed."""

from collections.abc import Callable

import pytest
import redis

from tests.store.job_setup import commit, counts, put_job, settled, state, take
from worker.core.errors import BulkActivateError
from worker.core.job import Control
from worker.reports.recount import recount
from worker.reports.results import job_results
from worker.reports.row_text import write_csv
from worker.store import keys
from worker.store.claims import Claim, ClaimEnd, ClaimStore
from worker.store.jobs import JobStore

IDS = 60
PER_SLICE = 30


async def half_done(jobs: JobStore, claims: ClaimStore) -> tuple[str, Claim]:
    """Slice 0 has 15 ids settled and 15 marked, slice 1 waits."""
    job_id = put_job(jobs, IDS, per_slice=PER_SLICE)
    claim = await take(claims, job_id)
    await commit(claims, claim, 1, [settled(0, "A" * 14 + "F", why="REFUSED")], mark=30)
    return job_id, claim


def is_lost(jobs: JobStore, job_id: str) -> bool:
    return (state(jobs, job_id), jobs.field(job_id, "reason_code")) == ("failed", "record_lost")


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        # Whatever was settled is forgotten, and may have been sent.
        ("out:0", {"unknown": 30, "not_attempted": 30}),
        ("slice:0", {"activated": 14, "failed": 1, "unknown": 15, "not_attempted": 30}),
        ("bat:0", {"activated": 14, "failed": 1, "unknown": 15, "not_attempted": 30}),
        ("why:0", {"activated": 14, "failed": 1, "unknown": 15, "not_attempted": 30}),
        ("reasons", {"activated": 14, "failed": 1, "unknown": 15, "not_attempted": 30}),
    ],
)
async def test_a_part_of_a_claimed_slice(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis, part: str, expected: dict[str, int]
) -> None:
    job_id, claim = await half_done(jobs, claims)
    other = put_job(jobs, 15)
    client.delete(keys.job(job_id, part))
    committed = await commit(claims, claim, 2, [settled(15, "A" * 15)], mark=30)
    assert not committed.go_on
    client.zadd(keys.job(job_id, "claimed"), {"0": 1}, xx=True)
    jobs.sweep(job_id)
    assert is_lost(jobs, job_id)
    assert counts(jobs, job_id) == expected
    assert recount(jobs, job_id).differences == []
    assert {run.like.reason for run in job_results(jobs, job_id) if run.like.outcome == "unknown"} == {
        "JOB_FAILED"
    }
    claim = await take(claims, other)
    await commit(claims, claim, 1, [settled(0, "A" * 15)], mark=15, end=ClaimEnd.RELEASE)
    assert state(jobs, other) == "completed"


async def test_the_ids_of_a_slice(jobs: JobStore, claims: ClaimStore, client: redis.Redis) -> None:
    job_id, claim = await half_done(jobs, claims)
    await commit(claims, claim, 2, [settled(15, "A" * 15)], mark=30, end=ClaimEnd.RELEASE)
    client.delete(keys.job(job_id, "ids:1"))
    code, _ = await claims.claim(job_id, 1, nonce="n", worker="w")
    assert code == "RESTING"
    assert is_lost(jobs, job_id)
    # There is nothing to name its ids by.
    with pytest.raises(BulkActivateError, match="their record is lost"):
        list(job_results(jobs, job_id))


async def test_slices_that_are_whole_are_exported_though_those_before_are_lost(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis
) -> None:
    job_id = put_job(jobs, 150, per_slice=30)
    for number in range(5):
        claim = await take(claims, job_id, number)
        rows = [settled(0, "A" * 15), settled(15, "A" * 15)]
        await commit(claims, claim, 1, rows, mark=30, end=ClaimEnd.RELEASE)
    client.delete(keys.job(job_id, "ids:0"), keys.job(job_id, "ids:2"))
    written: list[bytes] = []
    with pytest.raises(BulkActivateError, match=r"2 of 5 slices of job .* \(0, 2\)"):
        write_csv(job_results(jobs, job_id), written.append)
    _, *lines = b"".join(written).decode().splitlines()
    kept = [*range(30, 60), *range(90, 150)]
    assert [line.split(",")[1] for line in lines] == [f"id-{index}" for index in kept]


@pytest.mark.parametrize("part", ["ids:0", "out:0"])
async def test_a_slice_that_was_done_is_missed_at_the_end(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis, part: str
) -> None:
    job_id, claim = await half_done(jobs, claims)
    await commit(claims, claim, 2, [settled(15, "A" * 15)], mark=30, end=ClaimEnd.RELEASE)
    client.delete(keys.job(job_id, part))
    claim = await take(claims, job_id, 1)
    await commit(
        claims, claim, 1, [settled(0, "A" * 15), settled(15, "A" * 15)], mark=30, end=ClaimEnd.RELEASE
    )
    assert is_lost(jobs, job_id)
    assert sum(counts(jobs, job_id).values()) == IDS


@pytest.mark.parametrize("parts", [("claimed", "waiting")])
async def test_who_works_on_what(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis, parts: tuple[str, ...]
) -> None:
    job_id, claim = await half_done(jobs, claims)
    client.delete(*(keys.job(job_id, part) for part in parts))
    assert not (await commit(claims, claim, 2, [settled(15, "A" * 15)], mark=30)).go_on
    jobs.sweep(job_id)
    assert is_lost(jobs, job_id)
    # Of the slice that nobody remembers to have had, nobody knows that it was not sent.
    assert counts(jobs, job_id) == {"activated": 14, "failed": 1, "unknown": 45}
    assert recount(jobs, job_id).differences == []


def all_of(client: redis.Redis, job_id: str) -> list[bytes]:
    return client.keys(f"bulk:{{{job_id}}}:*")  # type: ignore[return-value]


def the_hash(_client: redis.Redis, job_id: str) -> list[bytes]:
    return [keys.job(job_id).encode()]


@pytest.mark.parametrize("which", [all_of, the_hash])
async def test_the_job_itself(
    jobs: JobStore,
    claims: ClaimStore,
    client: redis.Redis,
    which: Callable[[redis.Redis, str], list[bytes]],
) -> None:
    job_id, claim = await half_done(jobs, claims)
    client.delete(*which(client, job_id))
    assert not (await commit(claims, claim, 2, [settled(15, "A" * 15)], mark=30)).go_on
    await claims.sweep(job_id)
    assert await claims.live_jobs() == []


async def test_a_late_message_or_sweep_changes_nothing_of_a_job_at_rest(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis
) -> None:
    """Nothing is left to do in it, and yet it did not complete; no key of it is missing."""
    job_id = put_job(jobs, IDS, per_slice=PER_SLICE, deadline=3600)
    jobs.control(job_id, Control.CANCEL, code="user", message="", actor="me")
    before = jobs.read(job_id)
    client.hset(keys.job(job_id), "deadline_ms", 1)
    jobs.sweep(job_id)
    await claims.sweep(job_id)
    assert (await claims.claim(job_id, 0, nonce="n", worker="w"))[0] == "RESTING"
    after = jobs.read(job_id)
    assert (after.history, {**after.fields, "deadline_ms": ""}) == (
        before.history,
        {**before.fields, "deadline_ms": ""},
    )
    assert after.fields["state"] == "cancelled"


async def test_a_cancelled_job_is_not_called_lost(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis
) -> None:
    """Slices that nobody ever claimed have no values, and miss none."""
    job_id = put_job(jobs, IDS, per_slice=PER_SLICE)
    claim = await take(claims, job_id, 1)
    client.hset(keys.job(job_id), "deadline_ms", 1)
    await commit(claims, claim, 1, [settled(0, "A" * 15)], mark=15, end=ClaimEnd.RELEASE)
    assert (state(jobs, job_id), jobs.field(job_id, "reason_code")) == ("expired", "deadline")
