"""API tokens for access tokens, and how long these are good."""

import base64
import json
from typing import Any

import pytest

from tests.simulator.simulators import ORG, Clock, simulated
from worker.simulator.config import BadConfigError, configured
from worker.simulator.exchange_faults import EXCHANGE_FAULTS, LIFETIME_NAMES, ExchangeFault


def claims(token: str) -> dict[str, Any]:
    head, body, signature = token.split(".")
    assert head.startswith("eyJ")
    assert signature
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return found


@pytest.mark.parametrize("field", ["api_token", "refresh_token"])
async def test_the_api_token_is_exchanged_by_either_name(field: str) -> None:
    async with simulated(api_token="right") as api:
        reply = await api.authorize(**{field: "right"})
    assert reply.status == 200
    assert reply.body["expires_in"] == 1799
    assert isinstance(reply.body["expires_in"], int)
    assert reply.body.keys() == {"access_token", "expires_in", "token_type", "scope", "refresh_token"}


@pytest.mark.parametrize("form", [{"api_token": "wrong-tail"}, {"api_token": ""}, {}])
async def test_any_other_api_token_is_an_invalid_grant(form: dict[str, str]) -> None:
    async with simulated(api_token="right") as api:
        reply = await api.authorize(**form)
        stats = await api.stats()
    assert reply.status == 400
    assert "invalid_grant" in reply.body["message"]
    assert "wrong" not in reply.body["message"]
    assert reply.body["statusCode"] == 400
    assert (stats["exchanges"], stats["exchanges_by_status"]) == (1, {"400": 1})


@pytest.mark.parametrize("form", [b"api_token=\xff", b"\x00"])
async def test_what_is_no_form_is_an_invalid_grant(form: bytes) -> None:
    path = "/csp/gateway/am/api/auth/api-tokens/authorize"
    async with simulated(api_token="right") as api:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        reply = await api.post(path, data=form, headers=headers)
    assert reply.status == 400
    assert "invalid_grant" in reply.body["message"]


async def test_where_no_api_token_is_configured_any_but_an_empty_one_is_good() -> None:
    async with simulated() as api:
        assert (await api.authorize(api_token="whatever")).status == 200
        assert (await api.authorize(api_token="")).status == 400


async def test_claims_name_the_only_organization_the_role_and_the_end() -> None:
    async with simulated(orgs=[ORG], token_lifetime=60) as api:
        found = claims(api.token)
    assert (found["context_name"], found["perms"], found["exp"]) == (ORG, ["csp:org_owner"], 60)


@pytest.mark.parametrize("orgs", [[], [ORG, "another"]])
async def test_claims_name_no_organization_that_is_not_certain(orgs: list[str]) -> None:
    async with simulated(orgs=orgs, perms=["csp:org_member"]) as api:
        found = claims(api.token)
    assert "context_name" not in found
    assert found["perms"] == ["csp:org_member"]


async def test_an_access_token_is_good_until_its_lifetime_is_over() -> None:
    clock = Clock()
    async with simulated(now=clock, token_lifetime=2.5) as api:
        clock.at += 2.4
        assert (await api.activate("a")).status == 200
        clock.at += 0.1
        assert (await api.activate("a")).status == 401
        await api.sign_in()
        assert (await api.activate("a")).status == 200


async def test_every_access_token_is_another_and_all_are_good() -> None:
    async with simulated() as api:
        first = api.token
        await api.sign_in()
        assert api.token != first
        assert (await api.activate("a")).status == 200
        api.token = first
        assert (await api.activate("a")).status == 200


async def test_revoked_access_tokens_are_refused_and_new_ones_are_not() -> None:
    async with simulated() as api:
        await api.control(revoke=True)
        assert (await api.activate("a")).status == 401
        await api.sign_in()
        assert (await api.activate("a")).status == 200


async def test_exchange_can_be_refused_and_allowed_again() -> None:
    async with simulated() as api:
        await api.control(refuse_exchange=True)
        assert (await api.authorize(api_token="whatever")).status == 400
        await api.control(refuse_exchange=False)
        assert (await api.authorize(api_token="whatever")).status == 200


@pytest.mark.parametrize("fault", EXCHANGE_FAULTS, ids=lambda fault: fault.name)
async def test_every_exchange_can_go_wrong_and_well_again(fault: ExchangeFault) -> None:
    async with simulated(api_token="any", exchange_fault=fault.name, exchange_retry_after="7") as api:
        path = "/csp/gateway/am/api/auth/api-tokens/authorize"
        reply = await api.post(path, data={"api_token": "any"}, allow_redirects=False)
        assert reply.status == fault.status
        assert isinstance(reply.body, dict) != fault.html
        assert reply.headers.get("Location") == fault.headers.get("Location")
        assert reply.headers.get("Retry-After") == ("7" if fault.status in {429, 503} else None)
        await api.control(exchange_fault="none")
        assert (await api.authorize(api_token="any")).status == 200


@pytest.mark.parametrize(
    ("choice", "fields"),
    [
        ("true", {"expires_in": 90}),
        ("string", {"expires_in": "90"}),
        ("missing", {}),
        ("null", {"expires_in": None}),
        ("zero", {"expires_in": 0}),
        ("negative", {"expires_in": -1799}),
        ("nonsense", {"expires_in": "1799s"}),
        ("huge", {"expires_in": 10**12}),
    ],
)
async def test_the_life_of_a_token_can_be_told_in_many_ways(choice: str, fields: dict[str, Any]) -> None:
    async with simulated(expires_in=choice, token_lifetime=90) as api:
        body = (await api.authorize(api_token="any")).body
    assert {name: body[name] for name in ("expires_in",) if name in body} == fields


def test_each_way_to_tell_a_life_is_tried() -> None:
    assert len(LIFETIME_NAMES) == 8


async def test_a_new_access_token_can_be_refused_for_a_while() -> None:
    clock = Clock()
    async with simulated(now=clock, token_delay=2.0) as api:
        assert (await api.activate("a")).status == 401
        clock.at += 1.9
        assert (await api.activate("a")).status == 401
        clock.at += 0.1
        assert (await api.activate("a")).status == 200


async def test_a_share_of_the_nodes_can_know_no_token() -> None:
    async with simulated(token_refusals=0.5) as api:
        statuses = [(await api.activate(f"id-{number}")).status for number in range(60)]
    assert {*statuses} == {200, 401}
    assert 15 <= statuses.count(401) <= 45


@pytest.mark.parametrize(("name", "value"), [("exchange_fault", "eror"), ("expires_in", "soon")])
def test_a_name_that_is_none_is_refused(name: str, value: str) -> None:
    with pytest.raises(BadConfigError, match=f"no such {name}: {value}"):
        configured({name: value})
