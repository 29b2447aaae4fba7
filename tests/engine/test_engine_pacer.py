"""Send times out of the shared budget: given in order, void in a hold, and none of them wasted."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.api.waiting import until
from tests.engine.jobs import Jobs
from worker.core.slots import slots_per_run
from worker.engine.pacer import Pacer
from worker.engine.patience import Patience
from worker.store.claims import ClaimStore
from worker.store.connect import async_client

KEY = "bulk:budget:api.test:an-organization"


@pytest.fixture
async def store(jobs: Jobs, redis_url: str) -> AsyncIterator[ClaimStore]:
    async with async_client(redis_url) as client:
        yield ClaimStore(client)


def pacer(store: ClaimStore, rate: float) -> Pacer:
    return Pacer(store, KEY, rate, str(rate), Patience())


def budget(jobs: Jobs, field: str) -> float:
    """In seconds of the store's clock."""
    return float(jobs.client.hget(KEY, field) or 0) / 1e6


def always() -> bool:
    return True


async def test_slots_are_given_in_the_order_in_which_they_were_asked_for(store: ClaimStore) -> None:
    """Those who reserve for all too. Runs are told apart by a round trip: neighbours may change places."""
    rate = 100.0
    shared = pacer(store, rate)
    given: list[int] = []

    async def ask(number: int) -> None:
        assert await shared.slot(always)
        given.append(number)

    await asyncio.gather(*(ask(number) for number in range(50)))
    assert max(abs(number - place) for place, number in enumerate(given)) < slots_per_run(rate)


@pytest.mark.parametrize("rate", [20.0, 100.0])
async def test_no_slot_is_wasted_on_those_who_wait_for_the_end_of_a_hold(
    jobs: Jobs, store: ClaimStore, rate: float
) -> None:
    """However many rounds of reserving their waiting takes: the budget moves on by what they use."""
    refused, waits = pacer(store, rate), pacer(store, rate)
    await refused.hold(0.5)
    asked = int(rate)
    slots = await asyncio.gather(*(waits.slot(always) for _ in range(asked)))
    assert slots == [True] * asked
    used = round((budget(jobs, "tat_us") - budget(jobs, "hold_us")) * rate)
    assert used < asked + slots_per_run(rate)


async def test_a_hold_voids_the_slots_taken_before_it(jobs: Jobs, store: ClaimStore) -> None:
    """The second slot lies a second ahead; then a hold of two seconds comes."""
    mine = pacer(store, 1.0)
    assert await mine.slot(always)
    second = asyncio.create_task(mine.slot(always))
    await until(lambda: budget(jobs, "tat_us") > 0)
    await mine.hold(1.5)
    assert await second
    seconds, micros = jobs.client.time()
    assert seconds + micros / 1e6 >= budget(jobs, "hold_us")


async def test_another_process_learns_of_a_hold_at_its_next_run(jobs: Jobs, store: ClaimStore) -> None:
    refused, other = pacer(store, 100.0), pacer(store, 100.0)
    assert other.held() == 0
    await refused.hold(0.3)
    assert await other.slot(always)
    seconds, micros = jobs.client.time()
    assert seconds + micros / 1e6 >= budget(jobs, "hold_us")


async def test_a_hold_is_only_ever_made_longer(jobs: Jobs, store: ClaimStore) -> None:
    mine = pacer(store, 100.0)
    await mine.hold(60)
    end = budget(jobs, "hold_us")
    await mine.hold(1)
    assert budget(jobs, "hold_us") == end
    assert mine.held() > 30


async def test_a_slot_that_lost_its_purpose_while_it_was_waited_for_is_not_given(
    jobs: Jobs, store: ClaimStore
) -> None:
    mine = pacer(store, 4.0)
    assert await mine.slot(always)
    purpose = asyncio.Event()
    purpose.set()
    second = asyncio.create_task(mine.slot(purpose.is_set))
    first_end = budget(jobs, "tat_us")
    # It has its slot, a quarter of a second ahead, and waits for it.
    await until(lambda: budget(jobs, "tat_us") > first_end)
    purpose.clear()
    assert not await second


async def test_a_long_wait_ends_soon_once_it_has_no_purpose(store: ClaimStore) -> None:
    mine = pacer(store, 100.0)
    await mine.hold(3000)
    purpose = asyncio.Event()
    purpose.set()
    waiting = asyncio.create_task(mine.slot(purpose.is_set))
    await until(lambda: mine.held() > 0)
    purpose.clear()
    await until(waiting.done)
    assert not waiting.result()
