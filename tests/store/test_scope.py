"""A job belongs to the API of its first claim and to an organization that is one; others leave it alone."""

from dataclasses import replace

import pytest
import redis

from tests.store.conftest import Backend
from tests.store.job_setup import ORG, SCOPE, commit, counts, put_job, settled, state, take
from worker.core.fairness import SliceCounts
from worker.core.scope import Scope
from worker.store import keys
from worker.store.claims import Claim, ClaimEnd, ClaimStore
from worker.store.jobs import JobStore
from worker.store.script_calls import Code
from worker.store.store_reader import WORKERS_WITHIN_MS

OTHER = Scope("https://staging.example")
PLAIN = Scope(SCOPE.api_url.replace("https", "http"))
ELSEWHERE = [OTHER, PLAIN, Scope(f"{SCOPE.api_url}:8443")]
NOT_SERVING = [*ELSEWHERE, replace(SCOPE, orgs=frozenset({"0f2c1d6e-0000-4000-8000-000000000001"}))]


@pytest.fixture
def client_of(backend: Backend, claims: ClaimStore) -> redis.asyncio.Redis:
    return claims._redis


async def give_back(claims: ClaimStore, claim: Claim) -> None:
    await commit(claims, claim, 1, [settled(0, "A")], mark=1, end=ClaimEnd.RELEASE)


async def test_the_first_claim_binds_a_job_to_its_api(jobs: JobStore, claims: ClaimStore) -> None:
    job_id = put_job(jobs)
    assert jobs.field(job_id, "api_url") is None
    await take(claims, job_id)
    assert jobs.field(job_id, "api_url") == SCOPE.api_url
    assert jobs.field(job_id, "host") == SCOPE.host


@pytest.mark.parametrize("scope", NOT_SERVING, ids=Scope.text)
async def test_a_worker_that_does_not_serve_a_job_changes_nothing_of_it(
    jobs: JobStore, claims: ClaimStore, client_of: redis.asyncio.Redis, scope: Scope
) -> None:
    job_id = put_job(jobs)
    claim = await take(claims, job_id)
    await give_back(claims, claim)
    before = jobs.read(job_id).fields
    code, queue = await ClaimStore(client_of, scope).claim(job_id, 0, nonce="x", worker="w")
    assert (code, queue) == (Code.OTHER_ORG if scope.orgs else Code.OTHER_HOST, [])
    assert jobs.read(job_id).fields == before
    assert (await take(claims, job_id, nonce="next")).number == claim.number + 1


async def test_a_job_of_an_earlier_version_is_bound_by_its_host_alone(
    jobs: JobStore, client_of: redis.asyncio.Redis
) -> None:
    job_id = put_job(jobs, host=SCOPE.host)
    assert (await ClaimStore(client_of, OTHER).claim(job_id, 0, nonce="x", worker="w"))[0] is Code.OTHER_HOST
    await take(ClaimStore(client_of, PLAIN), job_id)


async def test_a_message_taken_by_the_wrong_worker_is_sent_again_soon_by_one_that_serves_the_job(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis, client_of: redis.asyncio.Redis
) -> None:
    job_id = put_job(jobs, api_url=SCOPE.api_url)
    wrong = ClaimStore(client_of, OTHER)
    await wrong.claim(job_id, 0, nonce="x", worker="w")
    due = client.zscore(keys.job(job_id, "waiting"), "0")
    assert due is not None
    assert 0 < due - jobs.now_ms() <= 2000
    # A second copy of the message puts it off no further.
    await wrong.claim(job_id, 0, nonce="y", worker="w")
    assert client.zscore(keys.job(job_id, "waiting"), "0") == due
    client.zadd(keys.job(job_id, "waiting"), {"0": due - 2000})
    assert (await wrong.sweep(job_id)).queue == []
    assert [ticket.slice_no for ticket in (await claims.sweep(job_id)).queue] == [0]
    assert (await claims.sweep(job_id)).queue == []


async def test_a_wrong_worker_puts_no_slice_of_the_job_among_those_that_wait(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis, client_of: redis.asyncio.Redis
) -> None:
    job_id = put_job(jobs, 40)
    await take(claims, job_id)
    await ClaimStore(client_of, OTHER).claim(job_id, 0, nonce="x", worker="w")
    assert client.zcard(keys.job(job_id, "waiting")) == 0


async def test_sweeps_by_workers_of_another_scope_end_what_is_due_and_return_no_tickets(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis, client_of: redis.asyncio.Redis
) -> None:
    wrong = ClaimStore(client_of, OTHER)
    job_id = put_job(jobs, 60)
    claim = await take(claims, job_id)
    await commit(claims, claim, 1, mark=15)
    client.zadd(keys.job(job_id, "claimed"), {"0": 1})
    swept = await wrong.sweep(job_id)
    # Nor does it count in how slices are shared between the jobs of that worker.
    assert (swept.queue, swept.counts) == ([], SliceCounts(0, 0))
    assert counts(jobs, job_id) == {"ambiguous": 15, "pending": 45}
    assert [ticket.slice_no for ticket in (await claims.sweep(job_id)).queue] == [0]
    client.hset(keys.job(job_id), "deadline_ms", 1)
    await wrong.sweep(job_id)
    assert state(jobs, job_id) == "expired"


@pytest.mark.parametrize(
    "org_id",
    [
        "../../x",
        "",
        "short",
        "a" * 65,
        "-leading-dash",
        "trailing-dash-",
        "sp ace-in-it",
        "a/b/c/d/e",
        "%2e%2e%2fxxxx",
        "ünicode-org",
    ],
)
async def test_a_job_with_a_malformed_organization_fails(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis, org_id: str
) -> None:
    good = put_job(jobs)
    forged = put_job(jobs, org_id=org_id)
    assert (await claims.claim(forged, 0, nonce="n", worker="w"))[0] is Code.BAD_ORG
    fields = jobs.read(forged).fields
    assert (fields["state"], fields["reason_code"]) == ("failed", "malformed_organization")
    assert counts(jobs, forged) == {"not_attempted": 40}
    # It is told of once: from now on the job rests.
    assert (await claims.claim(forged, 0, nonce="n", worker="w"))[0] is Code.RESTING
    assert not list(client.scan_iter("bulk:budget:*"))
    await take(claims, good)


async def test_a_job_without_an_organization_fails(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis, client_of: redis.asyncio.Redis
) -> None:
    job_id = put_job(jobs)
    client.hdel(keys.job(job_id), "org_id")
    assert (await ClaimStore(client_of, NOT_SERVING[-1]).sweep(job_id)).queue == []
    assert (await claims.claim(job_id, 0, nonce="n", worker="w"))[0] is Code.BAD_ORG


async def test_organizations_are_served_whatever_their_letter_case(
    jobs: JobStore, client_of: redis.asyncio.Redis
) -> None:
    job_id = put_job(jobs, org_id=ORG.upper())
    await take(ClaimStore(client_of, replace(SCOPE, orgs=frozenset({ORG, "another-org"}))), job_id)


async def test_a_worker_for_one_job_looks_after_no_other(
    jobs: JobStore, client_of: redis.asyncio.Redis
) -> None:
    mine, _ = put_job(jobs), put_job(jobs)
    assert await ClaimStore(client_of, replace(SCOPE, job_id=mine)).live_jobs() == [mine]


async def test_scopes_are_known_while_their_workers_live(
    jobs: JobStore, client_of: redis.asyncio.Redis, client: redis.Redis
) -> None:
    scopes = [SCOPE, replace(OTHER, orgs=frozenset({ORG, "another-org"}))]
    for scope in (*scopes, SCOPE):
        await ClaimStore(client_of, scope).beat("w", 15_000)
    assert sorted(jobs.live_scopes(WORKERS_WITHIN_MS), key=Scope.text) == scopes
    client.zadd(keys.SCOPES, {SCOPE.text(): jobs.now_ms() - 20_000})
    assert jobs.live_scopes(WORKERS_WITHIN_MS) == scopes[1:]
    await ClaimStore(client_of, scopes[1]).beat("w", 15_000)
    assert client.zcard(keys.SCOPES) == 1
