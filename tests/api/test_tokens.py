"""Access tokens: exchanged once for all requests, renewed early, and again after a refusal."""

import asyncio
import time
from urllib.parse import parse_qs

import pytest
from aiohttp import web

from tests.api.clients import ORG, SECRET, Clock, parts
from tests.api.servers import AUTHORIZE, recording
from tests.api.standin import stand_in
from tests.api.waiting import until
from worker.api.token_exchange import TokenUnavailableError
from worker.core.answers.reply import Reply
from worker.core.answers.trust import TokenAction

OTHER_ORG = "0f2c1d6e-0000-4000-8000-000000000002"


def grant(token: str, expires_in: float = 1799) -> web.Response:
    return web.json_response({"access_token": token, "expires_in": expires_in})


async def test_the_exchange_is_as_documented() -> None:
    async with recording(grant("given")) as api, parts(api.url) as mine:
        assert await mine.tokens.get(ORG) == "given"
    [asked] = api.seen
    assert (asked.method, asked.path) == ("POST", AUTHORIZE)
    assert asked.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert parse_qs(asked.body.decode()) == {"api_token": [SECRET]}


async def test_fifty_waiting_requests_cost_one_exchange() -> None:
    async with recording(grant("given")) as api, parts(api.url) as mine:
        tokens = await asyncio.gather(*(mine.tokens.get(ORG) for _ in range(50)))
    assert tokens == ["given"] * 50
    assert len(api.seen) == 1


async def test_each_organization_has_a_token_of_its_own() -> None:
    async with recording(grant("first"), grant("second")) as api, parts(api.url) as mine:
        assert [await mine.tokens.get(ORG), await mine.tokens.get(OTHER_ORG)] == ["first", "second"]
        assert [await mine.tokens.get(ORG), await mine.tokens.get(OTHER_ORG)] == ["first", "second"]
    assert len(api.seen) == 2


@pytest.mark.parametrize(("lives", "renewed_after"), [(1799, 1739), (90, 60), (3, 2), (1.5, 1)])
async def test_a_token_is_renewed_early_by_a_margin_that_shrinks_with_its_life(
    lives: float, renewed_after: float
) -> None:
    clock = Clock()
    async with recording(grant("first", lives), grant("second", lives)) as api, parts(api.url, clock) as mine:
        await mine.tokens.get(ORG)
        clock.at += renewed_after - 0.01
        assert await mine.tokens.get(ORG) == "first"
        clock.at += 0.02
        assert await mine.tokens.get(ORG) == "second"


async def test_a_token_that_lives_three_seconds_is_not_renewed_at_each_request_nor_used_after_its_end() -> (
    None
):
    clock = Clock()
    async with stand_in(now=clock, token_lifetime=3) as api, parts(api.url, clock) as mine:
        for _ in range(120):
            assert await mine.client.ready(ORG) is None
            await mine.client.activate(ORG, ("one",))
            clock.at += 0.1
        stats = await api.stats()
    assert stats["by_status"] == {"200": 120}
    assert stats["exchanges"] == 6


async def test_the_life_of_a_token_counts_from_when_it_was_asked_for() -> None:
    clock = Clock()

    async def slowly() -> web.Response:
        clock.at += 2.5
        return grant("first", 3)

    async with recording(slowly, grant("second", 3)) as api, parts(api.url, clock) as mine:
        await mine.tokens.get(ORG)
        assert await mine.tokens.get(ORG) == "second"


async def test_during_a_renewal_requests_use_the_token_that_is_still_valid() -> None:
    asked, answer, clock = asyncio.Event(), asyncio.Event(), Clock()

    async def when_told() -> web.Response:
        asked.set()
        await answer.wait()
        return grant("second", 90)

    async with recording(grant("first", 90), when_told) as api, parts(api.url, clock) as mine:
        await mine.tokens.get(ORG)
        clock.at += 61
        renews = asyncio.create_task(mine.tokens.get(ORG))
        await asked.wait()
        assert [await mine.tokens.get(ORG), mine.tokens.take(ORG)] == ["first"] * 2
        clock.at += 30
        # Now it has ended: whoever comes waits, and does so without a send time.
        assert (mine.tokens.take(ORG), mine.tokens.is_ready(ORG)) == (None, False)
        waits = asyncio.create_task(mine.tokens.get(ORG))
        answer.set()
        assert [await renews, await waits] == ["second"] * 2
    assert len(api.seen) == 2


async def test_a_renewal_that_fails_costs_nothing_while_the_token_is_good() -> None:
    clock = Clock()
    away = web.Response(status=503)
    async with recording(grant("first", 90), away, grant("second", 90)) as api, parts(api.url, clock) as mine:
        await mine.tokens.get(ORG)
        clock.at += 61
        assert [await mine.tokens.get(ORG) for _ in range(5)] == ["first"] * 5
        assert len(api.seen) == 2
        clock.at += 10
        assert await mine.tokens.get(ORG) == "second"


async def test_a_refusal_after_ready_makes_it_not_ready() -> None:
    async with recording(grant("first"), grant("second")) as api, parts(api.url) as mine:
        assert not mine.client.is_ready(ORG)
        assert await mine.client.ready(ORG) is None
        assert mine.client.is_ready(ORG)
        await mine.tokens.mark_accepted(ORG, "first")
        assert await mine.tokens.mark_rejected(ORG, "first") is TokenAction.RENEW
        assert not mine.client.is_ready(ORG)
        assert await mine.client.ready(ORG) is None
        assert await mine.tokens.mark_rejected(ORG, "second") is TokenAction.REPEAT
        assert not mine.client.is_ready(ORG)


async def test_a_token_that_expired_during_the_wait_is_renewed_by_the_next_request() -> None:
    """Or one that lives for less than a wait for a send time would never be used."""
    clock = Clock()
    async with recording(grant("first", 3), grant("second", 3)) as api, parts(api.url, clock) as mine:
        assert await mine.client.ready(ORG) is None
        clock.at += 3
        assert mine.client.is_ready(ORG)
        assert mine.tokens.take(ORG) is None
        assert await mine.tokens.get(ORG) == "second"


async def test_a_token_that_says_nothing_of_its_life_is_kept() -> None:
    async with recording(web.json_response({"access_token": "given"})) as api, parts(api.url) as mine:
        assert [await mine.tokens.get(ORG) for _ in range(3)] == ["given"] * 3
    assert len(api.seen) == 1


@pytest.mark.parametrize(
    "said", ["null", '"1799s"', "0", "-1799", '"soon"', "[]", "1e999", "1799000", "1e-9"]
)
async def test_an_unusable_life_costs_no_exchange_per_request_and_no_wait_for_ever(said: str) -> None:
    body = f'{{"access_token": "given", "expires_in": {said}}}'
    clock = Clock()
    async with recording(web.Response(text=body)) as api, parts(api.url, clock) as mine:
        for _ in range(10):
            assert await mine.tokens.get(ORG) == "given"
            clock.at += 170
        assert len(api.seen) == 1
        clock.at += 100
        await mine.tokens.get(ORG)
        assert len(api.seen) == 2


async def test_a_refused_token_is_exchanged_once_however_many_say_so() -> None:
    async with recording(grant("first"), grant("second"), grant("third")) as api, parts(api.url) as mine:
        await mine.tokens.get(ORG)
        await mine.tokens.mark_accepted(ORG, "first")
        for _ in range(20):
            assert await mine.tokens.mark_rejected(ORG, "first") is TokenAction.RENEW
            assert await mine.tokens.get(ORG) == "second"
            await mine.tokens.mark_accepted(ORG, "second")
    assert len(api.seen) == 2


async def test_a_new_token_that_is_refused_is_tried_again_and_not_exchanged() -> None:
    clock = Clock()
    async with recording(grant("first"), grant("second")) as api, parts(api.url, clock) as mine:
        await mine.tokens.get(ORG)
        for _ in range(9):
            assert await mine.tokens.mark_rejected(ORG, "first") is TokenAction.REPEAT
            clock.at += 5
            assert await mine.tokens.get(ORG) == "first"
        await mine.tokens.mark_accepted(ORG, "first")
        assert len(api.seen) == 1


async def test_a_token_refused_for_a_minute_is_given_up_and_a_person_asked() -> None:
    clock = Clock()
    async with recording(grant("first"), grant("second")) as api, parts(api.url, clock) as mine:
        await mine.tokens.get(ORG)
        assert await mine.tokens.mark_rejected(ORG, "first") is TokenAction.REPEAT
        clock.at += 59
        assert await mine.tokens.mark_rejected(ORG, "first") is TokenAction.REPEAT
        clock.at += 1
        assert await mine.tokens.mark_rejected(ORG, "first") is TokenAction.GIVE_UP
        # Who resumes at once waits a little; the next token is another.
        with pytest.raises(TokenUnavailableError, match=r"refused.*HTTP 401"):
            await mine.tokens.get(ORG)
        clock.at += 5
        assert await mine.tokens.get(ORG) == "second"


async def test_while_a_token_is_refused_requests_go_out_one_at_a_time() -> None:
    async with recording(grant("first")) as api, parts(api.url, time.monotonic) as mine:
        await mine.tokens.get(ORG)
        assert await mine.tokens.mark_rejected(ORG, "first") is TokenAction.REPEAT
        waiting = [asyncio.create_task(mine.tokens.get(ORG)) for _ in range(20)]
        await until(lambda: any(task.done() for task in waiting))
        assert sum(task.done() for task in waiting) == 1
        # The one that went out was served: so may all be.
        await mine.tokens.mark_accepted(ORG, "first")
        assert await asyncio.gather(*waiting) == ["first"] * 20


async def test_an_answer_shows_no_secret_that_it_was_asked_with() -> None:
    access_token = "a-token-of-no-known-looks"
    echo = web.json_response({"message": f"no: {access_token} of {SECRET}"}, status=400)
    async with recording(grant(access_token), echo) as api, parts(api.url) as mine:
        reply = await mine.client.activate(ORG, ("one",))
    assert isinstance(reply, Reply)
    assert reply.body == b'{"message": "no: [redacted] of [redacted]"}'


async def test_a_late_refusal_of_the_old_token_leaves_the_new_one() -> None:
    clock = Clock()
    async with recording(grant("old", 90), grant("new", 90)) as api, parts(api.url, clock) as mine:
        await mine.tokens.get(ORG)
        clock.at += 61
        assert await mine.tokens.get(ORG) == "new"
        assert await mine.tokens.mark_rejected(ORG, "old") is TokenAction.RENEW
        assert await mine.tokens.get(ORG) == "new"
    assert len(api.seen) == 2


async def test_a_refusal_for_one_organization_leaves_the_other() -> None:
    async with recording(grant("first"), grant("second"), grant("third")) as api, parts(api.url) as mine:
        await mine.tokens.get(ORG)
        await mine.tokens.get(OTHER_ORG)
        await mine.tokens.mark_rejected(ORG, "second")
        await mine.tokens.mark_rejected(OTHER_ORG, "first")
        await mine.tokens.mark_rejected("0f2c1d6e-0000-4000-8000-000000000003", "first")
        assert [await mine.tokens.get(ORG), await mine.tokens.get(OTHER_ORG)] == ["first", "second"]


async def test_a_cancelled_waiter_leaves_the_exchange_to_the_others() -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def when_told() -> web.Response:
        asked.set()
        await answer.wait()
        return grant("given")

    async with recording(when_told) as api, parts(api.url) as mine:
        first, second = (asyncio.create_task(mine.tokens.get(ORG)) for _ in range(2))
        await asked.wait()
        first.cancel()
        answer.set()
        assert await second == "given"
        await until(first.done)
        assert first.cancelled()
