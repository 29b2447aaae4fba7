"""The activate call over HTTP: what is answered, what is done, what is counted."""

import io

import pytest

from tests.simulator.simulators import ORG, Clock, simulated

IDS = [f"id-{number}" for number in range(15)]


async def test_fifteen_ids_are_activated() -> None:
    async with simulated() as api:
        reply = await api.activate(*IDS)
        world = await api.world()
    assert (reply.status, reply.body) == (200, {"successes": IDS, "failures": []})
    assert reply.headers["Content-Type"].startswith("application/json")
    assert [line["id"] for line in world] == IDS
    assert all(line["active"] and line["activations"] == 1 for line in world)


async def test_an_id_activated_before_is_a_failure_that_says_so() -> None:
    async with simulated() as api:
        await api.activate("a")
        reply = await api.activate("a", "b")
        (first, _) = await api.world()
    failures = [{"id": "a", "message": "Token is already active"}]
    assert (reply.status, reply.body) == (200, {"successes": ["b"], "failures": failures})
    assert first == {
        "org": ORG,
        "id": "a",
        "active": True,
        "was_active": False,
        "activations": 1,
        "sent": 2,
        "admitted": 2,
    }


async def test_more_than_fifteen_ids_are_refused_and_counted() -> None:
    async with simulated() as api:
        reply = await api.activate(*IDS, "one-more")
        stats = await api.stats()
        world = await api.world()
    assert reply.status == 400
    assert (stats["over_limit"], stats["batch_sizes"]) == (1, {"16": 1})
    assert not any(line["active"] for line in world)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"ids": []}',
        b'{"ids": "a"}',
        b'{"ids": [1]}',
        b'{"ids": [""]}',
        b'{"ids": ["\xff"]}',
    ],
)
async def test_a_body_that_is_not_as_documented_is_a_bad_request(body: bytes) -> None:
    async with simulated() as api:
        reply = await api.post_ids(body)
        assert await api.world() == []
    assert reply.status == 400
    assert reply.body["statusCode"] == 400


async def test_another_content_type_is_unsupported() -> None:
    async with simulated() as api:
        reply = await api.post_ids('{"ids": ["a"]}', **{"Content-Type": "text/plain"})
    assert reply.status == 415


async def test_a_body_of_megabytes_is_too_large() -> None:
    async with simulated() as api:
        reply = await api.post_ids(io.BytesIO(bytes(2 << 20)))
        stats = await api.stats()
    assert (reply.status, stats["by_status"]) == (413, {"413": 1})


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer unknown", "Basic {token}", "{token}"])
async def test_without_a_good_access_token_nothing_is_done(authorization: str) -> None:
    async with simulated() as api:
        header = authorization.format(token=api.token)
        reply = await api.post_ids('{"ids": ["a"]}', Authorization=header)
        (line,) = await api.world()
    assert reply.status == 401
    assert (line["active"], line["sent"], line["admitted"]) == (False, 1, 0)


async def test_only_organizations_that_exist_are_served() -> None:
    async with simulated(orgs=[ORG]) as api:
        assert (await api.activate("a")).status == 200
        assert (await api.activate("a", org="another")).status == 404


async def test_organizations_have_worlds_of_their_own() -> None:
    async with simulated() as api:
        await api.activate("a", org="one")
        assert (await api.activate("a", org="two")).body["successes"] == ["a"]
        assert [line["org"] for line in await api.world()] == ["one", "two"]
        assert [line["org"] for line in await api.world(org="two")] == ["two"]
        assert await api.world(org="three") == []


async def test_forbidden_is_answered_while_it_is_switched_on() -> None:
    async with simulated(forbid=True) as api:
        assert (await api.activate("a")).status == 403
        await api.control(forbid=False)
        assert (await api.activate("a")).status == 200


async def test_an_id_repeated_in_a_request_is_counted_and_answered_once() -> None:
    async with simulated() as api:
        reply = await api.activate("a", "b", "a")
        stats = await api.stats()
    assert reply.body == {"successes": ["a", "b"], "failures": []}
    assert (stats["repeated_ids_in_request"], stats["ids_received"]) == (1, 3)


async def test_over_the_rate_the_client_is_told_when_to_come_again() -> None:
    clock = Clock()
    async with simulated(now=clock, rate=0.5, burst=2) as api:
        statuses = [(await api.activate("a")).status for _ in range(2)]
        refused = await api.activate("a")
        clock.at += 2
        again = await api.activate("a")
        stats = await api.stats()
        (line,) = await api.world()
    assert (statuses, refused.status, again.status) == ([200, 200], 429, 200)
    assert refused.headers["Retry-After"] == "2"
    assert stats["by_status"] == {"200": 3, "429": 1}
    assert (stats["max_in_a_second"], stats["max_admitted_in_a_second"]) == (3, 2)
    assert (line["sent"], line["admitted"]) == (4, 3)


async def test_each_organization_has_its_own_rate() -> None:
    async with simulated(rate=1, burst=1) as api:
        assert [(await api.activate("a", org=org)).status for org in ("one", "two", "one")] == [200, 200, 429]


async def test_the_rate_can_be_changed_while_it_runs() -> None:
    async with simulated(rate=1, burst=1, retry_after="none") as api:
        await api.activate("a")
        refused = await api.activate("a")
        await api.control(rate=0)
        assert (await api.activate("a")).status == 200
    assert refused.status == 429
    assert "Retry-After" not in refused.headers


async def test_one_poisoned_id_spoils_its_request_and_no_other() -> None:
    async with simulated(poison=0.3, poison_status=409) as api:
        alone = {token_id: (await api.activate(token_id)).status for token_id in IDS}
        assert set(alone.values()) == {200, 409}
        assert (await api.activate(*IDS)).status == 409
        good = [token_id for token_id in IDS if alone[token_id] == 200]
        assert (await api.activate(*good)).status == 200
        assert [line["id"] for line in await api.world() if line["active"]] == good


async def test_statistics_add_up() -> None:
    async with simulated() as api:
        await api.activate(*IDS)
        await api.activate(*IDS[:3])
        await api.activate("new")
        stats = await api.stats()
    assert stats["requests"] == sum(stats["by_status"].values()) == sum(stats["batch_sizes"].values()) == 3
    assert (stats["ids_received"], stats["ids_sent_again"]) == (19, 3)
    assert stats["batch_sizes"] == {"1": 1, "3": 1, "15": 1}
    assert (stats["concurrent"], stats["concurrent_peak"], stats["exchanges"]) == (0, 1, 1)


async def test_a_world_of_many_ids_is_told_whole() -> None:
    async with simulated() as api:
        batches = [[f"{batch}-{number}" for number in range(15)] for batch in range(200)]
        for batch in batches:
            await api.activate(*batch)
        assert [line["id"] for line in await api.world()] == [token for batch in batches for token in batch]


@pytest.mark.parametrize(
    "orders", [{"rate": -1}, {"colour": "red"}, {"revoke": "yes"}, {"faults": {"error": 9}}]
)
async def test_orders_that_cannot_be_are_refused_whole(orders: dict[str, object]) -> None:
    async with simulated() as api:
        reply = await api.control(**{"forbid": True, **orders})
        assert (reply.status, list(reply.body)) == (400, ["message"])
        assert (await api.activate("a")).status == 200


async def test_orders_are_answered_with_all_that_is_in_force() -> None:
    async with simulated(rate=5) as api:
        reply = await api.control(faults={"error": 0.5}, burst=2)
    assert reply.status == 200
    assert (reply.body["rate"], reply.body["burst"], reply.body["faults"]) == (5, 2, {"error": 0.5})
