"""Every request of the OpenAPI document with every key: who may do what, and that else nothing changes."""

import re
from collections.abc import Callable

import pytest

from producers import Client
from tests.e2e.stack import ORG
from tests.web.conftest import Submit
from tests.web.described import Asked, every_request
from tests.web.page.browsing import signed_in
from tests.web.served import OTHER_ORG, Served, code_of

NOWHERE = "20200101-000000-00000000"
OPERATOR = {"planList", "submitJob", "pauseJob", "resumeJob", "cancelJob", "retryJob"}
ADMIN = {"purgeJob", "setRate", "changeJob"}
"""What the contract leaves to these roles; all else a viewer may, and changes nothing."""


@pytest.fixture(scope="module")
def every(server: Served) -> list[Asked]:
    return every_request(server.url)


@pytest.fixture
def changes(client: Client) -> Callable[[], int]:
    """Counts the changes in Redis since it was asked last."""
    last = 0

    def counted() -> int:
        nonlocal last
        before, last = last, client._session._redis.info("persistence")["rdb_changes_since_last_save"]
        return int(last - before)

    counted()
    return counted


def test_the_roles_of_the_contract_are_those_of_requests_that_there_are(every: list[Asked]) -> None:
    assert {asked.name for asked in every} >= OPERATOR | ADMIN


def test_nobody_without_a_key_does_anything(
    server: Served, every: list[Asked], submit: Submit, changes: Callable[[], int]
) -> None:
    job, none, wrong = submit()["job_id"], server.client(None), server.client(None)
    wrong.headers["Authorization"] = "Bearer bulk_wrong"
    changes()
    for asked in every:
        if asked.is_open:
            assert asked.send(none, job).status_code == 200
            continue
        for client in (none, wrong):
            refused = asked.send(client, job)
            assert code_of(refused) == (401, "unauthenticated"), asked
            assert refused.headers["www-authenticate"] == "Bearer"
    assert changes() == 0


def test_a_viewer_reads_and_an_operator_does_not_rule(
    server: Served, every: list[Asked], submit: Submit, changes: Callable[[], int]
) -> None:
    job = submit()["job_id"]
    changes()
    for asked in every:
        if asked.name in ADMIN:
            assert code_of(asked.send(server.client("operator"), job)) == (403, "forbidden"), asked
        if asked.name in ADMIN | OPERATOR:
            assert code_of(asked.send(server.client("viewer"), job)) == (403, "forbidden"), asked
        else:
            assert asked.send(server.client("viewer"), job).status_code == 200, asked
        assert changes() == 0, asked


def test_a_key_sees_and_touches_nothing_of_a_foreign_organization(
    server: Served, every: list[Asked], submit: Submit, changes: Callable[[], int]
) -> None:
    job, client = submit()["job_id"], server.client("elsewhere")
    changes()
    for asked in every:
        answer = asked.send(client, job)
        if "{job_id}" in asked.path:
            assert code_of(answer) == (404, "no_such_job"), asked
            missing = asked.send(client, NOWHERE)
            # In the same words as none at all.
            assert missing.json()["detail"].replace(NOWHERE, job) == answer.json()["detail"]
        elif "{org_id}" in asked.path or "org_id" in asked.parameters:
            assert code_of(answer) == (403, "forbidden"), asked
        else:
            assert answer.status_code == 200, asked
            assert not re.search(f"{job}|{ORG}", answer.text)
        assert changes() == 0, asked


@pytest.mark.parametrize("origin", [None, "null", "http://evil.example"])
def test_a_change_by_cookie_comes_from_a_page_of_the_server_alone(
    server: Served, every: list[Asked], submit: Submit, changes: Callable[[], int], origin: str | None
) -> None:
    job, client = submit()["job_id"], signed_in(server, "admin")
    del client.headers["Accept"], client.headers["Origin"]
    if origin is not None:
        client.headers["Origin"] = origin
    changes()
    for asked in every:
        answer = asked.send(client, job)
        if asked.method == "GET":
            assert answer.status_code == 200, asked
        else:
            assert code_of(answer) == (403, "forbidden"), asked
    assert changes() == 0


def test_a_key_of_the_organization_does_all_that_its_role_may(
    server: Served, every: list[Asked], submit: Submit
) -> None:
    job = submit(org=OTHER_ORG)["job_id"]
    for asked in every:
        answer = asked.send(server.client("elsewhere"), job, OTHER_ORG)
        assert answer.status_code in {200, 201, 204} or code_of(answer) == (409, "illegal_state_change"), (
            asked
        )
    assert server.client("admin").get(f"/api/v1/jobs/{job}").status_code == 404
