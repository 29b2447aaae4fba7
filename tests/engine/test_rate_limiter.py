"""Send times out of the shared budget: given in order, void in a hold, and none of them wasted."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from itertools import pairwise

import pytest
import structlog

from tests.api.waiting import until
from tests.engine.jobs import Jobs
from tests.engine.takers import SendTimes, context_of
from worker.core.batches.batch import Batch
from worker.core.rate.advice import Quota
from worker.core.rate.rate_config import RateConfig
from worker.core.rate.slots import Slot, slots_per_reservation
from worker.engine.limiter.holds import Holds
from worker.store.budget import BudgetStore
from worker.store.budget_protocol import Demand, ReserveReply, ReserveRequest
from worker.store.connect import async_client
from worker.telemetry import log_context

KEY = "bulk:budget:api.test:an-organization"
JOB = "a-job"
PLACES = 1000
Make = Callable[..., SendTimes]


def plenty() -> list[Demand]:
    return [Demand(JOB, 1, 1000)]


@pytest.fixture
async def send_times(jobs: Jobs, redis_url: str) -> AsyncIterator[Make]:
    """Makes them as worker processes have them, of one organization."""
    made: list[SendTimes] = []
    async with async_client(redis_url) as client:

        def make(
            rate: float,
            *,
            places: int = PLACES,
            demands: Callable[[], list[Demand]] = plenty,
            **options: object,
        ) -> SendTimes:
            store = BudgetStore(client, "api.test", "an-organization", f"worker-{len(made)}")
            rate_config = RateConfig(rate, rate, rate)
            made.append(SendTimes(store, rate_config, places, demands, **options))
            return made[-1]

        def hold(budget: str, seconds: float) -> None:
            for one in made:
                if budget == KEY:
                    one.hear_of_hold(seconds)

        holds = Holds(client, hold)
        await holds.listening.wait()
        yield make
        await holds.close()
        for one in made:
            await one.close()


def budget(jobs: Jobs, field: str) -> float:
    """In seconds of the store's clock."""
    return float(jobs.client.hget(KEY, field) or 0) / 1e6


def store_time(jobs: Jobs) -> float:
    seconds, micros = jobs.client.time()
    return float(seconds + micros / 1e6)


def always() -> bool:
    return True


async def refuse(mine: SendTimes, seconds: float | None) -> float:
    """A 429 to a request of the present epoch."""
    slot = await mine.slot(JOB, always)
    assert slot is not None
    return await mine.throttled(slot, seconds)


async def test_what_asks_for_all_is_in_no_batchs_place(send_times: Make) -> None:
    """What it logs would else be told of a batch that merely came first, of any job."""
    told: list[dict[str, object]] = []

    def demands() -> list[Demand]:
        told.append(log_context.current() | structlog.contextvars.get_contextvars())
        return plenty()

    shared = send_times(200.0, demands=demands)
    with structlog.contextvars.bound_contextvars(job_id=JOB, slice=3):
        log_context.bind(JOB, 3, 1, Batch(("an-id",), (0,), (False,), (0,)))
        assert await shared.slot(JOB, always) is not None
        # The next round trips are begun by a timer.
        while len(told) < 3:
            assert await shared.slot(JOB, always) is not None
    assert told == [{}] * len(told)


async def test_slots_are_given_in_the_order_in_which_they_were_asked_for(send_times: Make) -> None:
    shared = send_times(2000.0)
    slots = [slot for slot in await asyncio.gather(*(shared.slot(JOB, always) for _ in range(60))) if slot]
    assert len(slots) == 60
    assert slots == sorted(slots)


async def test_a_process_sends_a_few_until_it_is_answered_or_half_a_second_is_over(send_times: Make) -> None:
    """All that its first connections make late would arrive as one burst."""
    shared = send_times(1000.0)
    clock = asyncio.get_running_loop().time
    given: list[float] = []

    async def ask() -> None:
        await shared.slot(JOB, always)
        given.append(clock())

    await asyncio.gather(*(ask() for _ in range(12)))
    assert sum(when < given[0] + 0.4 for when in given) == 4


@pytest.mark.parametrize("rate", [20.0, 100.0])
async def test_no_slot_is_wasted_on_those_who_wait_for_the_end_of_a_hold(
    jobs: Jobs, send_times: Make, rate: float
) -> None:
    """However many rounds of asking their waiting takes: the budget moves on by what they use."""
    asked = int(rate)
    waits = send_times(rate, demands=lambda: [Demand(JOB, 1, 0)])
    # So that its way to the API is open by the end of the hold.
    await waits.slot(JOB, always)
    await refuse(send_times(rate), 0.5)
    slots = await asyncio.gather(*(waits.slot(JOB, always) for _ in range(asked)))
    assert None not in slots
    # It begins slower after a hold, and the rate was lowered a little.
    used = (budget(jobs, "tat_us") - budget(jobs, "hold_us")) * rate
    assert used < 1.25 * asked + slots_per_reservation(rate)


async def test_a_hold_voids_the_slots_taken_before_it(jobs: Jobs, send_times: Make) -> None:
    mine = send_times(4.0)
    first = await mine.slot(JOB, always)
    assert first is not None
    second = asyncio.create_task(mine.slot(JOB, always))
    await until(lambda: budget(jobs, "tat_us") > 0)
    await mine.throttled(first, 1.0)
    assert await second is not None
    assert store_time(jobs) >= budget(jobs, "hold_us")


async def test_a_hold_voids_the_slots_that_another_process_has_in_hand(jobs: Jobs, send_times: Make) -> None:
    refused, other = send_times(1000.0), send_times(1000.0)
    clock = asyncio.get_running_loop().time
    given: list[float] = []

    async def ask() -> None:
        await other.slot(JOB, always)
        given.append(clock())

    asking = [asyncio.create_task(ask()) for _ in range(300)]
    await until(lambda: len(given) >= 1)
    await refused.throttled(Slot(0.0, JOB, 0), 1.0)
    held_from = clock()
    await asyncio.gather(*asking)
    sent_into_it = sum(held_from < when < held_from + 0.9 for when in given)
    # A run is a hundred slots: what is left of it is void, but for the time that the news takes.
    assert sent_into_it <= 15


async def test_another_process_learns_of_a_hold_at_its_next_run(jobs: Jobs, send_times: Make) -> None:
    refused, other = send_times(100.0), send_times(100.0)
    await refuse(refused, 0.3)
    assert await other.slot(JOB, always) is not None
    assert store_time(jobs) >= budget(jobs, "hold_us")


async def test_a_hold_is_only_ever_made_longer(jobs: Jobs, send_times: Make) -> None:
    mine = send_times(100.0)
    slots = [await mine.slot(JOB, always) for _ in range(2)]
    first, second = (slot for slot in slots if slot is not None)
    await mine.throttled(first, 60)
    end = budget(jobs, "hold_us")
    await mine.throttled(second, 1)
    assert budget(jobs, "hold_us") == end
    assert mine.held_between(asyncio.get_running_loop().time(), math.inf) > 30


async def test_one_event_lowers_the_rate_once_however_many_were_in_flight(
    jobs: Jobs, send_times: Make
) -> None:
    processes = [send_times(100.0) for _ in range(3)]
    slots: list[tuple[SendTimes, Slot]] = []
    for one in processes:
        for _ in range(5):
            slot = await one.slot(JOB, always)
            assert slot is not None
            slots.append((one, slot))
    await asyncio.gather(*(one.throttled(slot, None) for one, slot in slots))
    assert int(jobs.client.hget(KEY, "epoch") or 0) == 1
    assert 20 <= float(jobs.client.hget(KEY, "rate") or 0) < 100


async def test_a_long_hold_gives_the_slices_back(send_times: Make) -> None:
    mine = send_times(100.0)
    context = context_of(JOB, always)
    with mine.dispatcher.waiting.registered(context):
        await refuse(mine, 20.0)
    assert context.commit.snooze > 10


async def test_a_slot_that_lost_its_purpose_while_it_was_waited_for_is_not_given(
    jobs: Jobs, send_times: Make
) -> None:
    mine = send_times(0.2)
    assert await mine.slot(JOB, always) is not None
    purpose = asyncio.Event()
    purpose.set()
    second = asyncio.create_task(mine.slot(JOB, purpose.is_set))
    await until(lambda: budget(jobs, "tat_us") > 0)
    purpose.clear()
    assert await second is None


async def test_no_more_are_given_than_there_are_places(send_times: Make) -> None:
    mine = send_times(1000.0, places=3)
    asked = [asyncio.create_task(mine.slot(JOB, always)) for _ in range(5)]
    await until(lambda: sum(task.done() for task in asked) == 3)
    assert mine.concurrency.in_flight == 3
    mine.leave()
    await until(lambda: sum(task.done() for task in asked) == 4)
    mine.leave()
    await asyncio.gather(*asked)


async def test_who_gives_up_waiting_leaves_no_place_taken(send_times: Make) -> None:
    mine = send_times(1000.0)
    given = asyncio.create_task(mine.slot(JOB, always))
    await until(lambda: mine.concurrency.in_flight == 1)
    given.cancel()
    await asyncio.gather(given, return_exceptions=True)
    assert mine.concurrency.in_flight == 0 or given.done()


async def test_what_the_api_advises_reaches_every_process(send_times: Make) -> None:
    told, other = send_times(100.0), send_times(100.0)
    assert await told.slot(JOB, always) is not None
    told.advise(Quota(remaining=5, reset=10, limit=100))
    told.advise(Quota(remaining=90, reset=10, limit=100))
    while told.rate != 0.5:
        slots = [asyncio.create_task(told.slot(JOB, lambda: told.rate != 0.5)) for _ in range(20)]
        await asyncio.gather(*slots)
    waits = asyncio.create_task(other.slot(JOB, lambda: other.rate != 0.5))
    await until(lambda: other.rate == 0.5)
    await waits


class Counting(BudgetStore):
    reserved = 0

    async def reserve(self, ask: ReserveRequest) -> ReserveReply:
        told = await super().reserve(ask)
        self.reserved += len(told.order)
        return told


async def test_of_a_rate_that_is_more_than_it_can_use_a_process_takes_little_more_than_it_uses(
    jobs: Jobs, redis_url: str
) -> None:
    """Else each run would be over before the first of its slots had served."""
    rate, requests = 100_000.0, 2000
    async with async_client(redis_url) as client:
        store = Counting(client, "api.test", "an-organization", "one")
        mine = SendTimes(store, RateConfig(rate, rate, rate), 4, plenty)
        left = iter(range(requests))

        async def send() -> None:
            for _ in left:
                assert await mine.slot(JOB, always) is not None
                await client.echo("as long as a request takes")
                mine.leave()

        await asyncio.gather(*(send() for _ in range(8)))
        assert store.reserved <= 5 * requests
        await mine.close()


async def test_an_answer_that_is_read_late_moves_no_slot(jobs: Jobs, redis_url: str) -> None:
    """They would lie among those of the worker that was given the next run."""
    loop = asyncio.get_running_loop()
    gap = 0.02

    class Timed(BudgetStore):
        """Counts its answers from the first on that came at once, and so told the clocks apart."""

        turn = 0

        async def reserve(self, ask: ReserveRequest) -> ReserveReply:
            asked_at = loop.time()
            told = await super().reserve(ask)
            self.turn += self.turn > 0 or loop.time() - asked_at < gap / 5
            return told

    class Unheard(Timed):
        """From the fifth on each answer waits for two gaps and a half until the process gets to it."""

        async def reserve(self, ask: ReserveRequest) -> ReserveReply:
            told = await super().reserve(ask)
            if self.turn > 4 and prompt.turn > 0:
                read = asyncio.Event()
                loop.call_later(2.5 * gap, read.set)
                await read.wait()
            return told

    async with async_client(redis_url) as client:
        late = Unheard(client, "api.test", "an-organization", "late")
        prompt = Timed(client, "api.test", "an-organization", "other")
        stores = late, prompt
        rate_config = RateConfig(1 / gap, 1 / gap, 1 / gap)
        both = [SendTimes(store, rate_config, PLACES, plenty) for store in stores]
        times: list[float] = []

        async def send(mine: SendTimes) -> None:
            while late.turn < 18:
                slot = await mine.slot(JOB, always)
                assert slot is not None
                if min(late.turn, prompt.turn) > 1:
                    times.append(slot.when)

        await asyncio.gather(*(send(mine) for mine in both))
        assert min(after - before for before, after in pairwise(sorted(times))) > 0.75 * gap
        for mine in both:
            await mine.close()


async def test_a_rate_is_learned_and_shared(jobs: Jobs, redis_url: str) -> None:
    """From 10 upwards, as long as nothing is refused and the slots are used."""
    async with async_client(redis_url) as client:
        rate_config = RateConfig(None, 10.0, 80.0)
        stores = [BudgetStore(client, "api.test", "an-organization", name) for name in ("one", "two")]
        mine, other = (SendTimes(store, rate_config, PLACES, plenty) for store in stores)
        while mine.rate < 80.0:
            slot = await mine.slot(JOB, always)
            assert slot is not None
            mine.passed(slot, 0.001)
        assert await other.slot(JOB, always) is not None
        assert other.rate > 40
        await mine.close()
        await other.close()
