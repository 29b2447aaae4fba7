"""What the access token says of itself is read before the first id is sent."""

import asyncio
import base64
import json

import pytest
from aiohttp import web
from pydantic import SecretStr

from tests.api.clients import ORG, SECRET
from tests.api.standin import stand_in
from tests.api.waiting import until
from tests.engine.fleet import fleet
from tests.engine.gateway import ACCESS_TOKEN, all_active, gateway
from tests.engine.jobs import Jobs
from worker.core.access.ownership import OWNER

OTHER = "0f2c1d6e-0000-4000-8000-000000000002"


def token(**claims: object) -> SecretStr:
    parts = (b"{}", json.dumps(claims).encode(), b"signature")
    return SecretStr(".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts))


async def test_one_who_is_no_owner_fails_the_job_before_an_id_is_sent(jobs: Jobs, redis_url: str) -> None:
    async with stand_in(perms=("csp:org_member",)) as api, fleet(redis_url, api.url) as workers:
        workers.start()
        job = jobs.put(900, per_slice=300)
        workers.submit(job)
        await until(lambda: jobs.rests(job))
        report = jobs.report(job)
        assert (report.state, report.state_reason.code) == ("failed", "organization_forbidden")
        assert "not an owner of this organization" in str(report.state_reason.message)
        assert report.counts["not_attempted"] == 900
        assert report.requests["sent"] == await api.requests() == 0
        # One for all slices of the job.
        assert (await api.stats())["exchanges"] == 1
        assert jobs.balances(job)


async def test_the_owner_of_another_organization_is_not_sent_either(jobs: Jobs, redis_url: str) -> None:
    async with stand_in(orgs=(OTHER,)) as api, fleet(redis_url, api.url) as workers:
        workers.start()
        job = jobs.put(15)
        workers.submit(job)
        await until(lambda: jobs.rests(job))
        assert jobs.report(job).state_reason.code == "organization_forbidden"
        assert await api.requests() == 0


@pytest.mark.parametrize("given", ["owner", "no claims"])
async def test_without_an_objection_the_job_goes_on(jobs: Jobs, redis_url: str, given: str) -> None:
    perms = {"owner": (OWNER, "csp:org_member"), "no claims": ()}[given]
    async with stand_in(perms=perms) as api, fleet(redis_url, api.url) as workers:
        workers.start()
        job = jobs.put(15)
        workers.submit(job)
        await until(lambda: jobs.rests(job))
        assert jobs.report(job).counts["activated"] == 15


async def test_a_ready_access_token_is_read_as_well(jobs: Jobs, redis_url: str) -> None:
    async with stand_in() as api, fleet(redis_url, api.url) as workers:
        workers.start(access_token=token(perms=["csp:org_member"], context_name=ORG))
        job = jobs.put(15)
        workers.submit(job)
        await until(lambda: jobs.rests(job))
        assert jobs.report(job).state_reason.code == "organization_forbidden"
        stats = await api.stats()
        assert (stats["requests"], stats["exchanges"]) == (0, 0)


async def test_a_token_refused_again_while_another_is_served_with_it_does_not_pause_the_job(
    jobs: Jobs, redis_url: str
) -> None:
    job = jobs.put(30)
    came = 0
    again = asyncio.Event()

    async def answer(ids: list[str]) -> web.Response:
        nonlocal came
        if job.ids[0] not in ids:
            await again.wait()
            return all_active(ids)
        came += 1
        if came == 2:
            again.set()
            await until(lambda: jobs.settled(job) == 15)
        return web.json_response({}, status=401) if came <= 2 else all_active(ids)

    async with gateway(answer) as url, fleet(redis_url, url) as workers:
        workers.start()
        workers.submit(job)
        await until(lambda: jobs.rests(job) or jobs.state(job) == "paused")
        report = jobs.report(job)
        assert (report.state, report.counts["activated"]) == ("completed", 30)
        assert (report.requests["sent"], report.requests["replayed"]) == (4, 2)


async def test_a_credential_that_the_api_echoes_is_nowhere_to_be_found(jobs: Jobs, redis_url: str) -> None:
    """Neither secret has looks that a pattern could know it by."""

    async def echo(ids: list[str]) -> web.Response:
        message = f"Token refused for {ACCESS_TOKEN}, exchanged from {SECRET}"
        return web.json_response({"failures": [{"id": name, "message": message} for name in ids]})

    async with gateway(echo) as url, fleet(redis_url, url) as workers:
        workers.start()
        job = jobs.put(15)
        workers.submit(job)
        await until(lambda: jobs.rests(job))
        assert {row.message for row in jobs.rows(job).values()} == {
            "Token refused for [redacted], exchanged from [redacted]"
        }
        # Otherwise the server packs longer values of a DUMP, and nothing would be found in them.
        jobs.client.config_set("rdbcompression", "no")
        stored = b"".join(jobs.client.dump(key) or b"" for key in jobs.client.scan_iter("*"))
        assert job.job_id.encode() in stored
        assert ACCESS_TOKEN.encode() not in stored
        assert SECRET.encode() not in stored
