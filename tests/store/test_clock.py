"""The store's clock steps back by an hour: no time that is kept is believed further ahead than it can lie."""

from collections.abc import AsyncIterator

import pytest
import redis

from tests.clock import HOUR, step_back
from tests.store.conftest import Backend
from tests.store.job_setup import HOST, ORG, commit, put_job, settled, state, take
from worker.core.answers.retry_after import LONGEST
from worker.core.job import Control
from worker.core.rate.rate_config import RateConfig
from worker.store import keys
from worker.store.budget import BudgetStore
from worker.store.budget_protocol import AnswerStats, Demand, RateDecision, ReserveRequest
from worker.store.claims import LEASE_MS, ClaimEnd, ClaimStore
from worker.store.jobs import JobStore
from worker.store.script_args import REDELIVER_AFTER_MS
from worker.store.script_calls import BudgetScript, Code, Script, source

SLACK = 1.0
"""Seconds that the test itself may take."""


@pytest.fixture
async def budget(backend: Backend, client: redis.Redis) -> AsyncIterator[BudgetStore]:
    own = backend.asynchronous()
    yield BudgetStore(own, HOST, ORG, "w")
    await own.aclose()


def ask(rate: float = 100.0, job: str = "a") -> ReserveRequest:
    return ReserveRequest(RateConfig(rate, 10.0, 100.0), [Demand(job, 1, 1000)], 0, AnswerStats())


def micros(client: redis.Redis, field: str, key: str = "") -> float:
    """How far ahead of now a time lies, in microseconds."""
    seconds, rest = client.time()
    return float(client.hget(key or keys.budget(HOST, ORG), field) or 0) - 1e6 * seconds - rest


@pytest.mark.parametrize("rate", [0.5, 100.0])
async def test_slots_go_on_within_the_time_of_a_few(
    budget: BudgetStore, client: redis.Redis, rate: float
) -> None:
    await budget.reserve(ask(rate))
    step_back(client)
    given = await budget.reserve(ask(rate))
    assert (given.first if given.order else given.again) <= 5 / rate + 4
    assert micros(client, "tat_us") <= 1e6 * (5 / rate + 4)
    # What is cut is kept: it passes.
    before = float(client.hget(budget.key, "tat_us") or 0)
    await budget.reserve(ReserveRequest(RateConfig(rate, 10.0, 100.0), [], 0, AnswerStats()))
    assert float(client.hget(budget.key, "tat_us") or 0) == before


async def test_a_rare_slot_is_not_taken_before_its_time(budget: BudgetStore, client: redis.Redis) -> None:
    """At 1 in 100 s the next lies far ahead, and rightly."""
    await budget.reserve(ask(0.01))
    assert (await budget.reserve(ask(0.01))).order == ()
    assert micros(client, "tat_us") > 90e6


async def test_a_hold_lasts_no_longer_than_set(budget: BudgetStore, client: redis.Redis) -> None:
    await budget.throttle(0, 30.0, 0.1, AnswerStats())
    step_back(client)
    assert 29 - SLACK < (await budget.reserve(ask())).held <= 30.0


async def test_a_hold_of_unknown_length_lasts_as_long_as_one_can(
    budget: BudgetStore, client: redis.Redis
) -> None:
    client.hset(budget.key, "hold_us", "4102444800000000")
    assert (await budget.reserve(ask())).held <= LONGEST


async def test_the_next_decision_and_its_evidence_are_not_put_off(
    budget: BudgetStore, client: redis.Redis
) -> None:
    due = (await budget.reserve(ask())).decision_request
    assert due is not None
    await budget.adopt_rate(RateDecision(0, 100.0, "{}", 5.0, new_epoch=False, strikes=0))
    assert (await budget.reserve(ask())).decision_request is None
    step_back(client)
    assert (await budget.reserve(ask())).decision_request is not None
    assert micros(client, "from_us") <= 0


async def test_a_429_is_decided_on_though_the_deciding_worker_died_an_hour_ahead(
    budget: BudgetStore, client: redis.Redis
) -> None:
    assert (await budget.throttle(0, None, 0.1, AnswerStats())).decision_request is not None
    step_back(client)
    assert (await budget.throttle(0, None, 0.1, AnswerStats())).decision_request is None
    assert micros(client, "decided_us") <= 0


async def test_jobs_and_workers_of_an_hour_ahead_are_forgotten(
    budget: BudgetStore, client: redis.Redis
) -> None:
    """Else a job that ended would keep its share for an hour, and settings of old those in force."""
    await budget.reserve(ask(1.0, "ended"))
    client.hset(f"{budget.key}:jobs", "ended", "0.0 0")
    client.hset(f"{budget.key}:workers", "gone", "0 0.001 0.001 0.001 0.001")
    for part, field, value in (
        ("jobs", "ended", f"0.0 {1e6 * (client.time()[0] + HOUR):.0f}"),
        ("workers", "gone", f"{1e6 * (client.time()[0] + HOUR):.0f} 0.001 0.001 0.001 0.001"),
    ):
        client.hset(f"{budget.key}:{part}", field, value)
    client.hset(budget.key, "due_us", 0)
    await budget.reserve(ask(100.0, "alive"))
    assert client.hkeys(f"{budget.key}:jobs") == [b"alive"]
    assert client.hkeys(f"{budget.key}:workers") == [b"w"]


async def test_a_lease_of_an_hour_ahead_ends_in_the_time_of_one(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis
) -> None:
    job_id = put_job(jobs, 60)
    await take(claims, job_id)
    step_back(client)
    jobs.sweep(job_id)
    ends = client.zscore(keys.job(job_id, "claimed"), "0")
    assert ends is not None
    assert ends <= jobs.now_ms() + LEASE_MS


async def test_a_cancelled_job_waits_no_longer_than_a_lease(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis
) -> None:
    job_id = put_job(jobs, 60)
    await take(claims, job_id)
    step_back(client)
    jobs.control(job_id, Control.CANCEL, code="user", message="", actor="me")
    ends = client.zscore(keys.job(job_id, "claimed"), "0")
    assert ends is not None
    assert ends <= jobs.now_ms() + LEASE_MS


async def test_a_message_of_an_hour_ahead_counts_as_lost_in_time(jobs: JobStore, client: redis.Redis) -> None:
    job_id = put_job(jobs, 60)
    step_back(client)
    assert jobs.sweep(job_id) == []
    redeliver_at = client.zscore(keys.job(job_id, "waiting"), "0")
    assert redeliver_at is not None
    assert redeliver_at <= jobs.now_ms() + REDELIVER_AFTER_MS


async def test_a_slice_that_waits_for_a_hold_goes_on_waiting(
    jobs: JobStore, claims: ClaimStore, budget: BudgetStore, client: redis.Redis
) -> None:
    job_id = put_job(jobs, 60)
    client.hset(keys.job(job_id), "host", HOST)
    await budget.throttle(0, 600.0, 0.1, AnswerStats())
    assert (await claims.claim(job_id, 0, nonce="n", worker="w"))[0] is Code.HELD
    jobs.sweep(job_id)
    redeliver_at = client.zscore(keys.job(job_id, "waiting"), "0")
    assert redeliver_at is not None
    assert redeliver_at == pytest.approx(jobs.now_ms() + 600_000, abs=1000 * SLACK)


async def test_a_record_is_no_older_than_its_job(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis
) -> None:
    job_id = put_job(jobs, 15)
    claim = await take(claims, job_id)
    step_back(client)
    await commit(claims, claim, 1, [settled(0, "A" * 15)], mark=15, end=ClaimEnd.RELEASE)
    assert state(jobs, job_id) == "completed"
    (stored,) = jobs.slices(job_id, 1)
    assert stored.stored.batches[3:8] == bytes(5)
    assert int(jobs.field(job_id, "active_ms") or 0) >= 0


async def test_workers_of_an_hour_ahead_do_not_count_as_alive(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis
) -> None:
    await claims.beat("dead", 15_000)
    step_back(client)
    assert (jobs.live_workers(10_000), jobs.live_scopes(10_000)) == (0, [])
    await claims.beat("alive", 15_000)
    assert client.zrange(keys.WORKERS, 0, -1) == [b"alive"]
    assert jobs.live_workers(10_000) == 1


async def test_a_notification_of_an_hour_ahead_is_leased_again_in_time(
    jobs: JobStore, client: redis.Redis
) -> None:
    job_id = put_job(jobs, 15)
    step_back(client)
    jobs.lease_notifications(10, 5000)
    told = client.zscore(keys.NOTIFY, job_id)
    assert told is not None
    assert told <= jobs.now_ms() + 5000


def test_the_bounds_in_lua_are_those_of_python() -> None:
    assert f"local MAX_LEASE = {LEASE_MS}\n" in source(Script.SWEEP)
    assert f"local REDELIVER_AFTER = {REDELIVER_AFTER_MS}\n" in source(Script.SWEEP)
    assert f"local MAX_HOLD = {LONGEST:.0f}000\n" in source(Script.SWEEP)
    assert f"local MAX_HOLD = {LONGEST:.0f}e6 " in source(BudgetScript.RESERVE)
