"""The metrics tell why jobs stand as they do in the words of `status`, what it works out at each look too."""

from collections.abc import AsyncIterator, Iterator

import pytest
import redis
import redis.asyncio

from tests.servers import valkey9
from tests.store.job_setup import ORG, SCOPE, put_job
from worker.core.scope import Scope
from worker.monitoring.metrics.families import families
from worker.reports.status import read_report
from worker.store import keys
from worker.store.claims import ClaimStore
from worker.store.connect import async_client
from worker.store.jobs import JobStore
from worker.store.metrics_snapshot import read_metrics_snapshot

STAGING = Scope("https://staging.example")
ANOTHER_ORG = Scope(SCOPE.api_url, frozenset({"0f2c1d6e-0000-4000-8000-000000000001"}))


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with valkey9() as real:
        yield real.server.url


@pytest.fixture
def client(url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(url) as client:
        client.flushall()
        yield client


@pytest.fixture
async def workers(url: str) -> AsyncIterator[redis.asyncio.Redis]:
    async with async_client(url) as client:
        yield client


def told(client: redis.Redis) -> dict[str, float]:
    """By reason, what is not 0."""
    (family,) = (
        found
        for found in families(read_metrics_snapshot(client, []))
        if found.name == "bulk_activate_jobs_reason"
    )
    return {sample.labels["reason"]: sample.value for sample in family.samples if sample.value}


JOBS: tuple[dict[str, str], ...] = (
    {"api_url": SCOPE.api_url},
    {},
    {"api_url": SCOPE.api_url, "record_version": "99"},
    {"api_url": SCOPE.api_url, "state": "paused", "reason_code": "user"},
)


@pytest.mark.parametrize(
    ("scopes", "unserved"),
    [
        ([], {}),
        ([SCOPE], {}),
        ([STAGING, SCOPE], {}),
        ([STAGING], {"other_api_host": 1}),
        ([ANOTHER_ORG], {"organization_not_served": 2}),
        ([ANOTHER_ORG, STAGING], {"organization_not_served": 1}),
    ],
)
async def test_jobs_that_no_live_worker_serves_are_counted_as_status_tells_them(
    client: redis.Redis, workers: redis.asyncio.Redis, scopes: list[Scope], unserved: dict[str, float]
) -> None:
    jobs = JobStore(client)
    made = [put_job(jobs, 15) for _ in JOBS]
    for job_id, fields in zip(made, JOBS, strict=True):
        if fields:
            client.hset(keys.job(job_id), mapping=fields)  # type: ignore[arg-type]
    for scope in scopes:
        await ClaimStore(workers, scope).beat("w", 15_000)
    expected = {"other_record_version": 1, "user": 1} | unserved
    assert told(client) == expected
    codes = [read_report(jobs, job_id).state_reason.code for job_id in made]
    assert {code: codes.count(code) for code in codes if code} == expected


async def test_a_silent_worker_serves_no_job(client: redis.Redis, workers: redis.asyncio.Redis) -> None:
    jobs = JobStore(client)
    put_job(jobs, 15, api_url=SCOPE.api_url, org_id=ORG)
    for scope in (SCOPE, STAGING):
        await ClaimStore(workers, scope).beat("w", 60_000)
    assert told(client) == {}
    client.zadd(keys.SCOPES, {SCOPE.text(): jobs.now_ms() - 20_000})
    assert told(client) == {"other_api_host": 1}
