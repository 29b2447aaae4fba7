"""The requests of an organization that wait in this process to be sent."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from worker.engine.job_queues import JobQueues
from worker.engine.limiter.rate_limiter import RateLimiter
from worker.engine.mark_window import MarkWindow
from worker.engine.request import Request, SendContext
from worker.engine.wait_times import WaitTimes
from worker.store.budget_protocol import Demand


class WaitingRequests:
    """One per organization and process. Jobs are told apart; within one, the first to come is the first out.

    A request whose slice no longer goes on is dropped instead of queued or handed out: what is known of its
    ids is recorded already.
    """

    def __init__(self, limiter: RateLimiter, times: WaitTimes, now: Callable[[], float]) -> None:
        self.window = MarkWindow(limiter)
        self.slices: set[SendContext] = set()
        """The slices that are being sent, whether or not requests of theirs wait."""
        self._queues = JobQueues()
        self._times = times
        self._now = now

    def __bool__(self) -> bool:
        return bool(self._queues)

    def __iter__(self) -> Iterator[Request]:
        return iter(self._queues)

    @contextmanager
    def registered(self, context: SendContext) -> Iterator[None]:
        """While this lasts its demand counts, and a long hold or a fault of its job stops it."""
        self.slices.add(context)
        try:
            yield
        finally:
            self.slices.discard(context)

    def put(self, request: Request) -> None:
        """Queues it behind the other requests of its job."""
        if self._is_wanted(request):
            self._queues.put(request)

    def put_first(self, request: Request) -> None:
        """Queues it before the other requests of its job: it was sent before, or is part of one that was."""
        if self._is_wanted(request):
            self._queues.put_first(request)

    def put_back(self, request: Request) -> None:
        """Queues it where it was before it was taken."""
        self._queues.put_back(request)

    def pop(self, job_id: str = "") -> Request | None:
        """The next request, of job `job_id` if it has any; None where none waits."""
        while (request := self._queues.pop(job_id)) is not None:
            if request.context.going_on:
                return request
            self.drop(request)
        return None

    def withdraw(self, context: SendContext) -> None:
        """Drops all requests of a slice."""
        for request in self._queues.remove(context):
            self.drop(request)

    def fail(self, error: Exception) -> None:
        """Drops all, and fails the tasks of their slices."""
        while (request := self._queues.pop()) is not None:
            request.context.broken(error)
            self.drop(request)

    def drop(self, request: Request) -> None:
        """Ends a request that is not sent any more."""
        self._times.account_unsent(request, self._now())
        self._leave_window(request)
        request.context.closed()

    def begin(self, request: Request) -> float:
        """Accounts for the time that it waited, now that it is sent. Returns the loop's time, in seconds."""
        self._leave_window(request)
        now = self._now()
        self._times.account(request, now)
        return now

    def demands(self) -> list[Demand]:
        """The send times that each job can use: for what waits, and for what its slices still come with."""
        slots: dict[str, int] = {}
        weights: dict[str, float] = {}
        for context in self.slices:
            job_id = context.job_id
            slots[job_id] = slots.get(job_id, self._queues.waiting(job_id)) + context.unfed
            weights[job_id] = context.weight
        return [Demand(job_id, weights[job_id], count) for job_id, count in slots.items()]

    def _is_wanted(self, request: Request) -> bool:
        request.slot, request.breaker_probe = None, False
        self._times.stamp(request, self._now())
        if request.context.going_on:
            return True
        self.drop(request)
        return False

    def _leave_window(self, request: Request) -> None:
        if request.is_ahead:
            request.is_ahead = False
            self.window.release(request.context.job_id)
