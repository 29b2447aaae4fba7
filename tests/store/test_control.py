"""Pausing, resuming, cancelling, failing, expiring: one state after the other, counts always whole."""

from itertools import product

import pytest
import redis

from tests.store.job_setup import ORG, commit, counts, put_job, settled, state, take
from worker.core.errors import NoSuchJobError, StateChangeError
from worker.core.job import ALLOWED_FROM, IN_FORCE, Control, State
from worker.store import keys
from worker.store.claims import ClaimEnd, ClaimStore
from worker.store.jobs import JobStore
from worker.store.script_calls import Code


def steer(jobs: JobStore, job_id: str, control: Control) -> tuple[str, bool]:
    found, changed, _ = jobs.control(job_id, control, code="user", message="because", actor="me")
    return found, changed


@pytest.mark.parametrize(("control", "start"), list(product(Control, State)))
def test_every_control_in_every_state(
    jobs: JobStore, client: redis.Redis, control: Control, start: State
) -> None:
    job_id = put_job(jobs, 40)
    client.hset(keys.job(job_id), "state", start)
    if start in IN_FORCE[control]:
        assert steer(jobs, job_id, control) == (start, False)
    elif start in ALLOWED_FROM[control]:
        assert steer(jobs, job_id, control)[1]
    else:
        with pytest.raises(StateChangeError, match=f"it is {start}"):
            steer(jobs, job_id, control)


def test_controlling_a_job_that_does_not_exist(jobs: JobStore) -> None:
    with pytest.raises(NoSuchJobError):
        steer(jobs, "nowhere", Control.PAUSE)


async def test_a_paused_job_hands_out_nothing_and_resumes_with_its_slices(
    jobs: JobStore, claims: ClaimStore
) -> None:
    job_id = put_job(jobs, 40)
    claim = await take(claims, job_id)
    steer(jobs, job_id, Control.PAUSE)
    stopped = await commit(claims, claim, 1, [settled(0, "A" * 15)], mark=15, end=ClaimEnd.RELEASE)
    assert (stopped.go_on, stopped.queue) == (False, [])
    assert (await claims.claim(job_id, 0, nonce="x", worker="w"))[0] is Code.RESTING
    assert jobs.sweep(job_id) == []
    _, changed, tickets = jobs.control(job_id, Control.RESUME, code="user", message="", actor="me")
    assert changed
    assert [ticket.slice_no for ticket in tickets] == [0]
    assert state(jobs, job_id) == "running"
    assert counts(jobs, job_id) == {"activated": 15, "pending": 25}


async def test_cancel_lets_answers_land_and_then_rests(jobs: JobStore, claims: ClaimStore) -> None:
    job_id = put_job(jobs, 60)
    claim = await take(claims, job_id)
    await commit(claims, claim, 1, [settled(0, "?" * 15)], mark=30)
    assert steer(jobs, job_id, Control.CANCEL) == ("cancelling", True)
    landed = await commit(claims, claim, 2, [settled(15, "A" * 15)], mark=30)
    assert not landed.go_on
    await commit(claims, claim, 3, mark=30, end=ClaimEnd.RELEASE)
    assert state(jobs, job_id) == "cancelled"
    assert counts(jobs, job_id) == {"unknown": 15, "activated": 15, "not_attempted": 30}


def test_cancel_completes_at_once_without_claims(jobs: JobStore) -> None:
    job_id = put_job(jobs, 60)
    assert steer(jobs, job_id, Control.CANCEL) == ("cancelled", True)
    assert counts(jobs, job_id) == {"not_attempted": 60}


async def test_cancel_after_a_death_makes_marked_ids_unknown(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis
) -> None:
    job_id = put_job(jobs, 60)
    claim = await take(claims, job_id)
    await commit(claims, claim, 1, mark=45)
    client.zadd(keys.job(job_id, "claimed"), {"0": 1})
    assert steer(jobs, job_id, Control.CANCEL) == ("cancelled", True)
    assert counts(jobs, job_id) == {"unknown": 45, "not_attempted": 15}


async def test_a_failing_job_stops_and_rests_when_its_claims_are_back(
    jobs: JobStore, claims: ClaimStore
) -> None:
    job_id = put_job(jobs, 60)
    claim = await take(claims, job_id)
    await claims.control(job_id, Control.FAIL, code="organization_forbidden", message="403")
    assert state(jobs, job_id) == "running"
    assert (await claims.claim(job_id, 0, nonce="x", worker="w"))[0] is Code.RESTING
    await commit(claims, claim, 1, mark=0, end=ClaimEnd.RELEASE)
    raw = jobs.read(job_id)
    assert raw.fields["state"] == "failed"
    assert raw.fields["reason_code"] == "organization_forbidden"
    assert counts(jobs, job_id) == {"not_attempted": 60}


@pytest.mark.parametrize(
    ("limit", "codes", "ends"),
    [("3", "FFF" + "A" * 12, False), ("3", "FFFF" + "A" * 11, True), ("0", "F" + "A" * 14, True)],
)
async def test_too_many_failures_end_the_job(
    jobs: JobStore, claims: ClaimStore, limit: str, codes: str, ends: bool
) -> None:
    job_id = put_job(jobs, 60, max_failures=limit)
    claim = await take(claims, job_id)
    await commit(claims, claim, 1, [settled(0, codes)], mark=15, end=ClaimEnd.RELEASE)
    assert state(jobs, job_id) == ("failed" if ends else "running")


async def test_the_failure_ratio_waits_for_a_sample(jobs: JobStore, claims: ClaimStore) -> None:
    job_id = put_job(jobs, 150, max_failure_ratio="0.5")
    claim = await take(claims, job_id)
    batches = [settled(first, "F" * 15) for first in range(0, 90, 15)]
    assert (await commit(claims, claim, 1, batches, mark=90)).go_on
    assert not (await commit(claims, claim, 2, [settled(90, "F" * 15)], mark=105)).go_on


async def test_a_deadline_expires_the_job(jobs: JobStore, claims: ClaimStore) -> None:
    job_id = put_job(jobs, 60, deadline=0.001)
    assert (await claims.claim(job_id, 0, nonce="n", worker="w"))[0] is Code.RESTING
    assert state(jobs, job_id) == "expired"
    assert counts(jobs, job_id) == {"not_attempted": 60}


def test_a_paused_job_expires_too(jobs: JobStore, client: redis.Redis) -> None:
    job_id = put_job(jobs, 60, deadline=600)
    steer(jobs, job_id, Control.PAUSE)
    client.hset(keys.job(job_id), "deadline_ms", 1)
    jobs.expire_if_due(job_id)
    assert state(jobs, job_id) == "expired"


def test_the_history_has_each_change(jobs: JobStore) -> None:
    job_id = put_job(jobs, 60)
    steer(jobs, job_id, Control.PAUSE)
    steer(jobs, job_id, Control.RESUME)
    steer(jobs, job_id, Control.CANCEL)
    history = jobs.read(job_id).history
    assert len(history) == 5
    assert all('"message":"because"' in entry for entry in history[1:])


@pytest.mark.parametrize("control", [Control.CANCEL, Control.FAIL])
async def test_a_late_message_or_sweep_moves_no_job_that_rests(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis, control: Control
) -> None:
    """Messages outlive their job's end, and sweeps were begun before it."""
    job_id = put_job(jobs, 40, deadline=600)
    jobs.control(job_id, control, code="user", message="", actor="me")
    client.hset(keys.job(job_id), "deadline_ms", 1)
    before = jobs.read(job_id)
    assert (await claims.claim(job_id, 0, nonce="n", worker="w"))[0] is Code.RESTING
    assert jobs.sweep(job_id) == []
    after = jobs.read(job_id)
    assert (after.fields, after.history) == (before.fields, before.history)


async def test_a_message_before_its_time_ends_no_upload(jobs: JobStore, claims: ClaimStore) -> None:
    jobs.create("early", {"org_id": ORG}, request_id=None, fingerprint="f", fresh=False)
    assert (await claims.claim("early", 0, nonce="n", worker="w"))[0] is Code.RESTING
    assert state(jobs, "early") == "preparing"
