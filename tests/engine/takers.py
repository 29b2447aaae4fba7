"""Those who wait for a send time, as senders do: a dispatcher with one of them for each request."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

from worker.core.batches.batch import Batch
from worker.core.rate.advice import Quota
from worker.core.rate.rate_config import RateConfig
from worker.core.rate.slots import Slot
from worker.engine.circuit_gate import CircuitGate
from worker.engine.dispatcher import Dispatcher
from worker.engine.limiter.budget_session import BudgetSession
from worker.engine.limiter.concurrency import ConcurrencyLimiter
from worker.engine.limiter.rate_limiter import RateLimiter
from worker.engine.redis_retry import RedisRetry
from worker.engine.request import Request, SendContext
from worker.engine.services import Services
from worker.store.budget import BudgetStore
from worker.store.budget_protocol import Demand
from worker.store.claims import ClaimEnd


class Commit:
    """What became of a request is of no interest here, but whether its slice still goes on."""

    def __init__(self, wanted: Callable[[], bool]) -> None:
        self._wanted = wanted
        self.news = asyncio.Event()
        self.snooze = 0.0

    @property
    def going_on(self) -> bool:
        return self._wanted()

    def add_seconds(self, name: str, seconds: float) -> None:
        pass

    def give_back(self, end: ClaimEnd) -> None:
        assert end is ClaimEnd.SNOOZE


def context_of(job: str, wanted: Callable[[], bool], unfed: int = 0) -> SendContext:
    claim = SimpleNamespace(job_id=job, org_id="an-organization", slice_no=0, number=1, weight=1.0)
    context = SendContext(
        cast("Any", claim), cast("Any", None), cast("Any", Commit(wanted)), cast("Any", None)
    )
    context.unfed = unfed
    return context


class SendTimes:
    """Send times of one process. `demands`: what each job comes with beyond those who wait."""

    def __init__(
        self,
        store: BudgetStore,
        rate_config: RateConfig,
        places: int,
        demands: Callable[[], list[Demand]],
    ) -> None:
        api = SimpleNamespace(is_ready=lambda _org: True, ready=self._ready)
        services = Services(
            cast("Any", None),
            cast("Any", api),
            cast("Any", None),
            cast("Any", None),
            RedisRetry(),
            CircuitGate(),
        )
        self.concurrency = ConcurrencyLimiter(places)
        self.limiter = RateLimiter(BudgetSession(store, rate_config, services.redis_retry))
        self.dispatcher = Dispatcher("an-organization", services, self.limiter, self.concurrency)
        self._demands = demands
        setattr(self.dispatcher.waiting, "demands", self._all_demands)  # noqa: B010 -- mypy, of a method.
        self._given: dict[Request, asyncio.Future[Slot | None]] = {}
        self._takers: set[asyncio.Task[None]] = set()

    async def _ready(self, _org: str) -> None:
        return None

    def _all_demands(self) -> list[Demand]:
        queues = self.dispatcher.waiting._queues
        return [Demand(one.job, one.weight, one.slots + queues.waiting(one.job)) for one in self._demands()]

    @property
    def rate(self) -> float:
        return self.limiter.rate

    async def slot(self, job: str, wanted: Callable[[], bool]) -> Slot | None:
        """As a sender gets it; None where `wanted` no longer holds."""
        context = context_of(job, wanted)
        request = Request(context, Batch(("an-id",), (0,), (False,), (0,)))
        given: asyncio.Future[Slot | None] = asyncio.get_running_loop().create_future()
        self._given[request] = given
        sender = asyncio.create_task(self._take())
        self._takers.add(sender)
        self.dispatcher.offer(request)
        while not given.done():
            await asyncio.wait([given], timeout=0.05)
            if not given.done() and not wanted():
                self.dispatcher.withdraw(context)
                sender.cancel()
                return None
        return given.result()

    async def _take(self) -> None:
        request = await self.dispatcher.turn()
        self._given.pop(request).set_result(request.slot)

    async def throttled(self, slot: Slot, asked: float | None) -> float:
        request = Request(context_of("a-job", lambda: True), Batch(("an-id",), (0,), (False,), (0,)))
        request.slot = slot
        return await self.dispatcher.throttled(request, asked)

    def passed(self, slot: Slot, latency: float) -> None:
        request = Request(context_of("a-job", lambda: True), Batch(("an-id",), (0,), (False,), (0,)))
        request.slot = slot
        self.dispatcher.record_answer(request, latency, self.dispatcher.now())

    def leave(self) -> None:
        """A request is answered: another may be in flight."""
        self.dispatcher.release()
        self.dispatcher._tick()

    def advise(self, quota: Quota) -> None:
        self.limiter.session.advise(quota)

    def hear_of_hold(self, seconds: float) -> None:
        self.dispatcher.hear_of_hold(seconds)

    def held_between(self, start: float, end: float) -> float:
        return self.limiter.held_between(start, end)

    async def close(self) -> None:
        for taker in self._takers:
            taker.cancel()
        await self.dispatcher.close()
