"""Faults over HTTP: what the client sees, and what was done nevertheless."""

import asyncio
import re
from typing import Any

import aiohttp
import pytest

from tests.simulator.simulators import Api, simulated
from worker.simulator.config import BadConfigError, configured

IDS = [f"id-{number}" for number in range(15)]


async def active(api: Api) -> list[str]:
    return [line["id"] for line in await api.world() if line["active"]]


@pytest.mark.parametrize(
    ("fault", "status", "done"),
    [
        ("error", 500, False),
        ("unauthorized", 401, False),
        ("bad_request", 400, False),
        ("conflict", 409, False),
        ("oversize", 413, False),
        ("late_error", 503, True),
    ],
)
async def test_an_error_is_answered(fault: str, status: int, done: bool) -> None:
    async with simulated(faults={fault: 1}) as api:
        reply = await api.activate(*IDS)
        assert await active(api) == (IDS if done else [])
        stats = await api.stats()
    assert (reply.status, reply.body["statusCode"]) == (status, status)
    assert (stats["by_status"], stats["by_fault"]) == ({str(status): 1}, {fault: 1})


async def test_an_answer_is_lost_and_the_work_is_done() -> None:
    async with simulated(faults={"lose": 1}) as api:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await api.activate(*IDS)
        assert await active(api) == IDS
        stats = await api.stats()
    assert (stats["by_status"], stats["concurrent"]) == ({"none": 1}, 0)


async def test_a_request_hangs_until_its_client_leaves() -> None:
    async with simulated(faults={"hang": 1}) as api:
        request = asyncio.create_task(api.activate(*IDS))
        await api.until(lambda stats: stats["concurrent"] == 1)
        request.cancel()
        await api.until(lambda stats: stats["concurrent"] == 0)
        assert await active(api) == []


async def test_a_request_that_hangs_does_not_keep_the_simulator_from_ending() -> None:
    async with simulated(faults={"hang": 1}) as api:
        request = asyncio.create_task(api.activate(*IDS))
        await api.until(lambda stats: stats["concurrent"] == 1)
    with pytest.raises(aiohttp.ClientError):
        await request


async def test_an_activated_id_is_missing_from_the_answer() -> None:
    async with simulated(faults={"missing": 1}) as api:
        reply = await api.activate(*IDS)
        assert await active(api) == IDS
    assert len(reply.body["successes"]) == 14
    assert reply.body["failures"] == []


@pytest.mark.parametrize("fault", ["drip", "chunked", "gzip"])
async def test_an_answer_takes_another_form_and_says_the_same(fault: str) -> None:
    async with simulated(faults={fault: 1}) as api:
        reply = await api.activate(*IDS)
        stats = await api.stats()
    assert (reply.status, reply.body) == (200, {"successes": IDS, "failures": []})
    assert stats["by_status"] == {"200": 1}


@pytest.mark.parametrize(
    ("fault", "error"), [("cut", aiohttp.ClientPayloadError), ("reset", aiohttp.ClientOSError)]
)
async def test_an_answer_breaks_off_and_the_work_is_done(fault: str, error: type[Exception]) -> None:
    async with simulated(faults={fault: 1}) as api:
        with pytest.raises(error):
            await api.activate(*IDS)
        assert await active(api) == IDS
        assert (await api.stats())["by_status"] == {"none": 1}


@pytest.mark.parametrize("fault", ["html", "shape", "huge"])
async def test_a_body_is_not_what_it_should_be_and_the_work_is_done(fault: str) -> None:
    async with simulated(faults={fault: 1}) as api:
        body = await api.raw(*IDS)
        assert await active(api) == IDS
    if fault == "huge":
        assert len(body) > 1 << 20
    else:
        assert body[:1] == {"html": b"<", "shape": b"["}[fault]


async def test_an_error_quotes_the_credential() -> None:
    async with simulated(faults={"echo": 1}) as api:
        reply = await api.activate(*IDS)
        assert await active(api) == []
    assert reply.status == 500
    assert reply.body["message"].endswith(api.token)


async def test_an_id_is_in_both_lists() -> None:
    async with simulated(faults={"both": 1}) as api:
        reply = await api.activate(*IDS)
    assert reply.body["successes"] == IDS
    assert [failure["id"] in IDS for failure in reply.body["failures"]] == [True]


async def test_an_empty_list_is_null_or_missing() -> None:
    async with simulated(faults={"nulls": 1}) as api:
        bodies = [(await api.activate(f"id-{number}")).body for number in range(50)]
    forms = [body.get("failures", "missing") for body in bodies]
    assert {str(form) for form in forms} == {"None", "missing"}


async def test_a_latency_delays_the_answer_and_not_the_work() -> None:
    async with simulated(latency=1e9, jitter=1e9) as api:
        request = asyncio.create_task(api.activate(*IDS))
        await api.until(lambda stats: stats["concurrent"] == 1)
        assert await active(api) == IDS
        assert not request.done()
        request.cancel()


async def test_a_batch_sent_again_meets_another_fate() -> None:
    async with simulated(faults={"error": 0.5}) as api:
        statuses = [(await api.activate("a")).status for _ in range(50)]
    assert set(statuses) == {200, 500}


async def test_the_same_seed_gives_the_same_faults_in_any_order_of_requests() -> None:
    async def statuses(seed: int, ids: list[str]) -> dict[str, int]:
        async with simulated(seed=seed, faults={"error": 0.3, "unauthorized": 0.3}) as api:
            return {token_id: (await api.activate(token_id)).status for token_id in ids}

    ids = [f"id-{number}" for number in range(100)]
    assert await statuses(1, ids) == await statuses(1, ids[::-1])
    assert await statuses(1, ids) != await statuses(2, ids)


async def test_throttled_requests_do_not_move_the_faults() -> None:
    async def statuses(throttled: int) -> list[int]:
        async with simulated(faults={"error": 0.5}) as api:
            await api.control(rate=1e-6, burst=1)
            await api.activate("first")
            for _ in range(throttled):
                assert (await api.activate("a")).status == 429
            await api.control(rate=0)
            return [(await api.activate("a")).status for _ in range(20)]

    assert await statuses(0) == await statuses(7)


async def test_a_fault_can_be_switched_on_and_off() -> None:
    async with simulated() as api:
        await api.control(faults={"error": 1})
        assert (await api.activate("a")).status == 500
        await api.control(faults={"error": 0})
        assert (await api.activate("a")).status == 200


@pytest.mark.parametrize(
    ("fault", "status", "told"),
    [
        ("redirect", 302, {"Location": "/login?from=activate"}),
        ("login", 302, {"Location": "https://login.example/sign-in"}),
        ("moved_301", 301, {"Location": "https://console.moved.example/csp/gateway"}),
        ("moved_307", 307, {"Location": "https://console.moved.example/csp/gateway"}),
        ("moved", 308, {"Location": "https://console.moved.example/csp/gateway"}),
        ("empty_400", 400, {"Content-Type": "text/plain"}),
        ("html_403", 403, {"Content-Type": "text/html; charset=utf-8"}),
        ("html_404", 404, {"Content-Type": "text/html; charset=utf-8"}),
        ("text_405", 405, {"Content-Type": "text/plain"}),
        ("not_acceptable", 406, {}),
        ("proxy", 407, {"Proxy-Authenticate": 'Basic realm="proxy"'}),
        ("captive", 511, {}),
        ("html_200", 200, {"Content-Type": "text/html; charset=utf-8"}),
        ("error_200", 200, {"Content-Type": "application/json"}),
        ("busy", 503, {"Retry-After": "0.2"}),
    ],
)
@pytest.mark.parametrize("lasting", [False, True], ids=["now and then", "an outage"])
async def test_something_else_than_the_api_answers(
    fault: str, status: int, told: dict[str, str], lasting: bool
) -> None:
    options: dict[str, Any] = {"outage": fault} if lasting else {"faults": {fault: 1}}
    async with simulated(**options) as api:
        got, headers = await api.head_of(*IDS)
        assert await active(api) == []
        stats = await api.stats()
    assert got == status
    assert told.items() <= headers.items()
    assert stats["by_fault"] == {fault: 1}


async def test_an_outage_lasts_until_it_is_ended() -> None:
    async with simulated(outage="html_403") as api:
        assert (await api.head_of(*IDS))[0] == 403
        await api.control(outage=None)
        assert (await api.activate(*IDS)).status == 200


@pytest.mark.parametrize("name", ["lose", "nonsense"])
def test_what_does_the_work_is_no_outage(name: str) -> None:
    with pytest.raises(BadConfigError, match="no such outage"):
        configured({"outage": name})


@pytest.mark.parametrize(
    ("fault", "header"),
    [("big_header", "X-Big"), ("many_headers", "X-199"), ("charset", "Content-Type")],
)
async def test_headers_go_with_the_answer(fault: str, header: str) -> None:
    async with simulated(faults={fault: 1}) as api:
        _, headers = await api.head_of(*IDS)
        assert await active(api) == IDS
    assert header in headers
    if fault == "charset":
        assert headers[header] == "application/json; charset=windows-1252"


@pytest.mark.parametrize(("fault", "ending"), [("cut_message", rb" \ud83d"), ("odd_bytes", b" caf\xe9")])
async def test_a_message_is_cut_in_an_emoji_or_no_utf8(fault: str, ending: bytes) -> None:
    async with simulated(fail=1, faults={fault: 1}) as api:
        body = await api.raw("a")
    (message,) = re.findall(rb'"message":"([^"]*)"', body)
    assert message.endswith(ending)
