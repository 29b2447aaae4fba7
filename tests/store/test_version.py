"""Versions that work on one record: what one of them does not know of it is left alone, and said."""

import pytest
import redis

from tests.servers import RealServer
from tests.store.job_setup import ORG, put_job
from worker.core.batches.slices import Slice
from worker.core.errors import BulkActivateError, StateChangeError
from worker.core.job import RECORD_VERSION, Control
from worker.reports.status import read_report
from worker.store import keys
from worker.store.claims import ClaimStore
from worker.store.connect import sync_client
from worker.store.jobs import JobStore
from worker.store.script_calls import Code, Script, source

LATER = str(int(RECORD_VERSION) + 1)


def say(client: redis.Redis, job_id: str, version: str | None) -> None:
    """`version`: what the record says; None where it says nothing, as those of version 1 may."""
    if version is None:
        client.hdel(keys.job(job_id), "record_version")
    else:
        client.hset(keys.job(job_id), "record_version", version)


def record(client: redis.Redis, job_id: str) -> dict[object, object]:
    return {key: client.dump(key) for key in client.keys(f"bulk:{{{job_id}}}:*")}


def test_a_job_carries_the_version_of_its_record(jobs: JobStore) -> None:
    assert jobs.field(put_job(jobs, 15), "record_version") == RECORD_VERSION
    assert f"local RECORD_VERSION = '{RECORD_VERSION}'\n" in source(Script.CLAIM)


@pytest.mark.parametrize("version", [None, "1", LATER, "0", "99999999999999999999", "new", ""])
async def test_a_job_of_another_version_is_left_alone_and_reported(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis, version: str | None
) -> None:
    job_id = put_job(jobs, 60, deadline=0.001)
    say(client, job_id, version)
    before = record(client, job_id)
    assert (await claims.claim(job_id, 0, nonce="n", worker="w"))[0] is Code.OTHER_VERSION
    assert (await claims.sweep(job_id)).queue == []
    assert record(client, job_id) == before


@pytest.mark.parametrize("version", [None, "1", LATER])
@pytest.mark.parametrize("control", list(Control))
def test_a_job_of_another_version_cannot_be_controlled(
    jobs: JobStore, client: redis.Redis, version: str | None, control: Control
) -> None:
    job_id = put_job(jobs, 60)
    if control is Control.RESUME:
        jobs.control(job_id, Control.PAUSE, code="user", message="", actor="me")
    say(client, job_id, version)
    before = record(client, job_id)
    with pytest.raises(
        StateChangeError, match=rf"cannot {control} job {job_id}: .* version '{version or 1}'"
    ):
        jobs.control(job_id, control, code="user", message="", actor="me")
    assert record(client, job_id) == before


async def test_a_job_at_rest_of_a_readable_version_is_purged(
    jobs: JobStore, claims: ClaimStore, client: redis.Redis
) -> None:
    job_id = put_job(jobs, 60)
    jobs.control(job_id, Control.CANCEL, code="user", message="", actor="me")
    say(client, job_id, LATER)
    before = record(client, job_id)
    with pytest.raises(StateChangeError, match=rf"cannot purge job {job_id}: .* version '{LATER}'"):
        jobs.purge(job_id)
    assert not await claims.purge(job_id, 0)
    assert record(client, job_id) == before
    with pytest.raises(BulkActivateError, match=rf"cannot read the rows .* version '{LATER}'"):
        list(jobs.slices(job_id, 1))
    say(client, job_id, None)
    client.zadd("bulk:untold", {job_id: 0})
    assert len(list(jobs.slices(job_id, 1))) == 1
    jobs.purge(job_id)
    assert client.keys(f"bulk:{{{job_id}}}:*") == []
    assert client.zcard("bulk:untold") == 0


def test_a_job_of_another_version_is_not_purged_before_it_rests(jobs: JobStore, client: redis.Redis) -> None:
    job_id = put_job(jobs, 60)
    say(client, job_id, "1")
    before = record(client, job_id)
    with pytest.raises(StateChangeError, match="must be at rest"):
        jobs.purge(job_id)
    assert record(client, job_id) == before


def test_a_list_is_not_stored_into_a_job_of_another_version(jobs: JobStore, client: redis.Redis) -> None:
    """As a request id of before an update leads to its upload that did not end."""
    jobs.create("begun", {"org_id": ORG}, request_id="r", fingerprint="f", fresh=False)
    say(client, "begun", "1")
    before = record(client, "begun")
    for store in (
        lambda: jobs.put_slices("begun", [(0, Slice(("a",), ((1, 1),)))]),
        lambda: jobs.start_job("begun", {}, total=1, slices=1, deadline=None),
    ):
        with pytest.raises(StateChangeError, match=r"cannot store a list for job begun: .* version '1'"):
            store()
    assert record(client, "begun") == before


def test_the_report_names_another_record_version(valkey: RealServer) -> None:
    with sync_client(valkey.server.url) as client:
        jobs = JobStore(client)
        job_id = put_job(jobs, 60)
        assert read_report(jobs, job_id).state_reason.code is None
        client.hset(keys.job(job_id), "record_version", "1")
        reason = read_report(jobs, job_id).state_reason
        assert (reason.code, "version '1'" in str(reason.message)) == ("other_record_version", True)
