"""What a commit records, once, whatever is repeated or comes late."""

import pytest
import redis

from tests.store.job_setup import commit, counts, put_job, settled, state, take
from worker.core.batches.record import entries_of
from worker.core.outcome import Outcome
from worker.store.claims import ClaimEnd, ClaimStore
from worker.store.commit_payload import CommitPayload
from worker.store.jobs import JobStore
from worker.store.script_calls import Code


async def test_outcomes_move_the_counters(jobs: JobStore, claims: ClaimStore) -> None:
    job_id = put_job(jobs, 40)
    claim = await take(claims, job_id)
    done = await commit(claims, claim, 1, [settled(0, "A" * 12 + "aFU")], mark=15)
    assert done.code is Code.COMMITTED
    assert done.go_on
    assert counts(jobs, job_id) == {
        "pending": 25,
        "activated": 12,
        "already_active": 1,
        "failed": 1,
        "unknown": 1,
    }


async def test_a_commit_that_is_repeated_counts_once(jobs: JobStore, claims: ClaimStore) -> None:
    job_id = put_job(jobs, 40)
    claim = await take(claims, job_id)
    for _ in range(3):
        last = await commit(
            claims, claim, 1, [settled(0, "F" * 15, why="GONE")], mark=15, requests={"sent": 1}
        )
    assert last.code is Code.REPEATED
    raw = jobs.read(job_id)
    assert counts(jobs, job_id) == {"pending": 25, "failed": 15}
    assert raw.fields["r_sent"] == "1"
    assert sum(raw.reason_counts.values()) == 15


async def test_a_final_outcome_is_never_changed(jobs: JobStore, claims: ClaimStore) -> None:
    job_id = put_job(jobs, 40)
    claim = await take(claims, job_id)
    await commit(claims, claim, 1, [settled(0, "A" * 15)], mark=15)
    await commit(claims, claim, 2, [settled(0, "F" * 15), settled(3, "U")], mark=15)
    assert counts(jobs, job_id) == {"pending": 25, "activated": 15}
    assert jobs.read(job_id).reason_counts == {}


async def test_a_run_of_batches_settles_what_is_open_of_it(jobs: JobStore, claims: ClaimStore) -> None:
    job_id = put_job(jobs, 70)
    claim = await take(claims, job_id)
    await commit(claims, claim, 1, [settled(15, "F" * 14 + "?"), settled(45, "F" * 3)], mark=70)
    batches = [tuple(range(first, min(first + 15, 70))) for first in (60, 15, 30, 0)]
    payload = CommitPayload(activated=batches, sent=4)
    assert (await claims.commit(claim, 2, 70, payload, ClaimEnd.KEEP)).code is Code.COMMITTED
    (item,) = jobs.slices(job_id, 1)
    expected = "A" * 15 + "F" * 14 + "A" + "A" * 15 + "FFF" + "." * 12 + "A" * 10
    assert item.stored.outcomes.decode() == expected
    assert counts(jobs, job_id) == {"activated": 41, "failed": 17, "pending": 12}
    entries = list(entries_of(item.stored, 70, at_rest=False))
    assert [
        entry.last_attempt and (entry.last_attempt.attempts, entry.last_attempt.status)
        for entry in entries[::15]
    ] == [
        (1, 200),
        (1, 200),
        (1, 200),
        (1, 200),
        (1, 200),
    ]
    fields = jobs.read(job_id).fields
    assert {fields[f"r_{name}"] for name in ("sent", "ok", "200", "charged")} == {"4"}


async def test_an_ambiguous_id_can_still_become_anything(jobs: JobStore, claims: ClaimStore) -> None:
    job_id = put_job(jobs, 15)
    claim = await take(claims, job_id)
    await commit(claims, claim, 1, [settled(0, "?" * 15)], mark=15)
    assert counts(jobs, job_id) == {"ambiguous": 15}
    await commit(claims, claim, 2, [settled(0, "A" * 14 + "F")], mark=15, end=ClaimEnd.RELEASE)
    assert counts(jobs, job_id) == {"activated": 14, "failed": 1}


async def test_a_late_worker_changes_nothing(jobs: JobStore, claims: ClaimStore) -> None:
    job_id = put_job(jobs, 40)
    late = await take(claims, job_id, nonce="late")
    await commit(claims, late, 1, mark=15, end=ClaimEnd.RELEASE)
    await take(claims, job_id, nonce="next")
    fenced = await commit(claims, late, 2, [settled(0, "F" * 15)], mark=30)
    assert (fenced.code, fenced.go_on) == (Code.FENCED, False)
    assert counts(jobs, job_id) == {"pending": 40}


async def test_the_last_outcome_completes_the_job(jobs: JobStore, claims: ClaimStore) -> None:
    job_id = put_job(jobs, 20)
    claim = await take(claims, job_id)
    await commit(claims, claim, 1, [settled(0, "A" * 15)], mark=20)
    assert state(jobs, job_id) == "running"
    done = await commit(claims, claim, 2, [settled(15, "AAAAF")], mark=20, end=ClaimEnd.RELEASE)
    assert state(jobs, job_id) == "completed"
    assert not done.go_on
    assert not done.queue


async def test_a_commit_that_arrives_twice_after_the_job_rests_is_known_again(
    jobs: JobStore, claims: ClaimStore
) -> None:
    job_id = put_job(jobs, 15)
    claim = await take(claims, job_id)
    await commit(claims, claim, 1, [settled(0, "A" * 15)], mark=15, end=ClaimEnd.RELEASE)
    again = await commit(claims, claim, 1, [settled(0, "A" * 15)], mark=15, end=ClaimEnd.RELEASE)
    assert again.code is Code.REPEATED
    assert counts(jobs, job_id) == {"activated": 15}


async def test_the_record_holds_what_was_committed(jobs: JobStore, claims: ClaimStore) -> None:
    job_id = put_job(jobs, 33)
    claim = await take(claims, job_id)
    whole = settled(0, "A" * 14 + "F", attempts=2, why="GONE")
    tail = settled(30, "aaa", status=207)
    apart = settled(16, "U", attempts=5, status=503, why="HTTP_503")
    await commit(claims, claim, 1, [whole, apart, tail], mark=33)
    (item,) = jobs.slices(job_id, 1)
    entries = list(entries_of(item.stored, 33, at_rest=False))
    assert "".join(entry.outcome[0] for entry in entries) == "a" * 14 + "f" + "p" + "u" + "p" * 13 + "a" * 3
    assert entries[14].last_attempt is not None
    assert (entries[14].last_attempt.attempts, entries[14].last_attempt.status) == (2, 200)
    assert entries[16].last_attempt is not None
    assert (entries[16].last_attempt.attempts, entries[16].last_attempt.status) == (5, 503)
    assert entries[32].last_attempt is not None
    assert entries[32].last_attempt.status == 207
    assert entries[15].last_attempt is None
    names = {number: text.split("\0")[0] for number, text in jobs.read(job_id).reasons.items()}
    assert names[entries[14].reason or 0] == "GONE"
    assert names[entries[16].reason or 0] == "HTTP_503"
    assert entries[0].outcome is Outcome.ACTIVATED


async def test_a_few_samples_are_kept_of_each_reason(jobs: JobStore, claims: ClaimStore) -> None:
    job_id = put_job(jobs, 30)
    claim = await take(claims, job_id)
    await commit(
        claims, claim, 1, [settled(0, "F" * 15, why="GONE"), settled(15, "F" * 15, why="GONE")], mark=30
    )
    raw = jobs.read(job_id)
    assert list(raw.reason_counts.values()) == [30]
    assert raw.samples[1].split("\n") == [f"id-{index}" for index in range(5)]


async def test_reasons_are_bounded_however_many_texts_the_api_finds(
    jobs: JobStore, claims: ClaimStore
) -> None:
    job_id = put_job(jobs, 2880 * 2)
    claim = await take(claims, job_id)
    other = await take(claims, job_id, 1)
    for seq, of in ((1, claim), (1, other)):
        texts = [settled(first, "F" * 15, why="") for first in range(0, 2880, 15)]
        named = [
            settlement.__class__(
                settlement.batch,
                settlement.codes,
                200,
                tuple(
                    (
                        place,
                        type(reason)(
                            f"R{of.slice_no}", f"{of.slice_no} {settlement.batch.indices[place]}", 200
                        ),
                    )
                    for place, reason in settlement.reasons
                ),
            )
            for settlement in texts
        ]
        await commit(claims, of, seq, named, mark=2880)
    raw = jobs.read(job_id)
    assert len(raw.reasons) <= 5001
    assert sum(raw.reason_counts.values()) == 5760


async def test_the_timeline_keeps_its_sum_in_few_buckets(jobs: JobStore, claims: ClaimStore) -> None:
    job_id = put_job(jobs, 60)
    claim = await take(claims, job_id)
    for seq in range(1, 5):
        await commit(claims, claim, seq, [settled(15 * (seq - 1), "A" * 15)], mark=60)
    buckets = [value.split() for name, value in jobs.read(job_id).timeline.items() if name.isdigit()]
    assert sum(int(values[1]) for values in buckets) == 60
    assert len(buckets) <= 256


async def test_the_timeline_merges_in_pairs_when_the_job_outgrows_it(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis
) -> None:
    job_id = put_job(jobs, 60)
    claim = await take(claims, job_id)
    await commit(claims, claim, 1, [settled(0, "A" * 15)], mark=60)
    # As if it had started an hour ago: 3,600 seconds need buckets of 16.
    started = int(jobs.read(job_id).fields["started_ms"])
    client.hset(f"bulk:{{{job_id}}}:job", "started_ms", str(started - 3_600_000))
    await commit(claims, claim, 2, [settled(15, "A" * 15)], mark=60)
    timeline = jobs.read(job_id).timeline
    assert timeline["width_ms"] == "16000"
    assert sum(int(value.split()[1]) for name, value in timeline.items() if name.isdigit()) == 30


@pytest.mark.parametrize("codes", ["A", "F", "U", "a"])
async def test_a_gap_before_an_outcome_reads_as_pending(
    jobs: JobStore, claims: ClaimStore, codes: str
) -> None:
    job_id = put_job(jobs, 45)
    claim = await take(claims, job_id)
    await commit(claims, claim, 1, [settled(30, codes * 15)], mark=45)
    (item,) = jobs.slices(job_id, 1)
    assert item.stored.outcomes == b"." * 30 + codes.encode() * 15
