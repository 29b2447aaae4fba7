"""A dispatcher and its senders for each organization that this process serves, made when first needed."""

import redis.asyncio

from worker.engine.dispatcher import Dispatcher
from worker.engine.limiter.budget_session import BudgetSession
from worker.engine.limiter.concurrency import ConcurrencyLimiter
from worker.engine.limiter.rate_limiter import RateLimiter
from worker.engine.sender import send_in_turn
from worker.engine.services import Services
from worker.settings import Settings
from worker.store.budget import BudgetStore


class Dispatchers:
    """One per process."""

    def __init__(
        self, settings: Settings, client: redis.asyncio.Redis, services: Services, worker: str
    ) -> None:
        self._settings = settings
        self._client = client
        self._services = services
        self._worker = worker
        self._by_org: dict[str, Dispatcher] = {}
        self._by_budget: dict[str, Dispatcher] = {}

    def of(self, org_id: str) -> Dispatcher:
        dispatcher = self._by_org.get(org_id)
        if dispatcher is None:
            settings = self._settings
            store = BudgetStore(self._client, settings.api_host, org_id, self._worker)
            session = BudgetSession(store, settings.rate_config, self._services.redis_retry)
            concurrency = ConcurrencyLimiter(settings.concurrency)
            dispatcher = Dispatcher(org_id, self._services, RateLimiter(session), concurrency)
            for _ in range(settings.concurrency):
                dispatcher.start_sender(send_in_turn(dispatcher))
            self._by_org[org_id] = self._by_budget[store.key] = dispatcher
        return dispatcher

    def hear_of_hold(self, budget: str, seconds: float) -> None:
        """Has the organization with the budget `budget` (its key in the store) send nothing for `seconds`."""
        if (dispatcher := self._by_budget.get(budget)) is not None:
            dispatcher.hear_of_hold(seconds)

    async def close(self) -> None:
        """To be called when no work is left."""
        for dispatcher in self._by_org.values():
            await dispatcher.close()
