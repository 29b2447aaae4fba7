"""What one organization has to send in this process, and whose turn it is.

Batches of several slices of several jobs wait here. A fixed set of senders takes them, one request each, when
all of these hold: the circuit is closed (or it is the breaker's probe), an access token is there, one more
may be in flight, and a send time of the shared budget is due.
"""

import asyncio
from collections import deque
from collections.abc import Coroutine
from contextvars import Context
from typing import Any, Final

import structlog

from worker.api.credentials import CredentialRejectedError
from worker.api.tokens import NotOwnerError
from worker.core.answers.reply import NoReply
from worker.core.job import Control, ReasonCode
from worker.core.retrying.action import Halt
from worker.engine.credential_fault import credential_fault
from worker.engine.limiter.concurrency import ConcurrencyLimiter
from worker.engine.limiter.rate_limiter import RateLimiter
from worker.engine.request import Request, SendContext
from worker.engine.retries import resume_request
from worker.engine.services import Services
from worker.engine.wait_times import WaitTimes
from worker.engine.waiting import WaitingRequests
from worker.store.claims import LONG_HOLD_MS

_LOOK_UP: Final = 0.5
"""Seconds: how often those who wait look around, and whether the access token is to be renewed."""

log = structlog.get_logger(__name__)


class Dispatcher:
    """One per organization and process. Jobs share the send times in the budget's order."""

    def __init__(
        self, org_id: str, services: Services, limiter: RateLimiter, concurrency: ConcurrencyLimiter
    ) -> None:
        self.services = services
        self.limiter = limiter
        self._org_id = org_id
        self._concurrency = concurrency
        self._loop = asyncio.get_running_loop()
        self.now = self._loop.time
        """The clock of slots, holds and requests, in seconds."""
        times = WaitTimes(services.gate, limiter, concurrency)
        self._tokenless = times.tokenless
        self.waiting = WaitingRequests(limiter, times, self.now)
        self._unsendable: deque[Request] = deque()
        """There was no access token for them: a sender takes them to see what is to become of them."""
        self._later: dict[Request, asyncio.TimerHandle] = {}
        self._idle: list[asyncio.Future[Request]] = []
        """Senders that wait for a request."""
        self._token_look_at = 0.0
        self._token_task: asyncio.Task[None] | None = None
        self._is_reserving = False
        self._timer: asyncio.TimerHandle | None = None
        self._senders: set[asyncio.Task[None]] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    # The slices' side.

    def offer(self, *requests: Request) -> None:
        """Queues them behind the other requests of their job."""
        for request in requests:
            request.context.opened()
            self.waiting.put(request)
        self._tick()

    def put_first(self, request: Request) -> None:
        """Queues it before the other requests of its job: it was sent before, or is part of one that was."""
        self.waiting.put_first(request)
        self._tick()

    def put_later(self, request: Request, seconds: float) -> None:
        """Queues it again after `seconds`, during which it takes up no sender."""
        if not request.context.going_on:
            return
        request.context.opened()
        request.context.commit.add_seconds("backing_off", seconds)
        self._later[request] = self._loop.call_later(seconds, self._come_back, request)

    def withdraw(self, context: SendContext) -> None:
        """Drops all requests that wait here for a slice that does not go on."""
        for request in [one for one in self._later if one.context is context]:
            self._later.pop(request).cancel()
            context.closed()
        self.waiting.withdraw(context)

    # The senders' side.

    def take(self) -> Request | None:
        """The request whose turn it is at this moment; None where nothing may be sent."""
        if self._unsendable:
            return self._unsendable.popleft()
        if not self.waiting:
            return None
        now = self.now()
        if not self._may_send(now):
            return None
        self._reserve_if_low(now)
        if not self._concurrency.has_room(now):
            return None
        slot = self.limiter.due(now, at_first=self._concurrency.is_slow_start(now))
        if slot is None or (request := self.waiting.pop(slot.job)) is None:
            return None
        self.limiter.take()
        self._concurrency.acquire(now)
        request.slot = slot
        request.breaker_probe = self.services.gate.enter(now)
        return request

    async def turn(self) -> Request:
        """Waits for the next request."""
        while True:
            given: asyncio.Future[Request] = self._loop.create_future()
            self._idle.append(given)
            self._tick()
            request = await given
            if self._is_good(request):
                return request
            self._put_back(request)

    def release(self) -> float:
        """Ends its place among the requests in flight. Returns the loop's time, in seconds."""
        now = self.now()
        self._concurrency.release(now)
        return now

    def record_answer(self, request: Request, latency: float, now: float) -> None:
        """Learns from an answer that is no 429 and came after `latency` seconds."""
        assert request.slot is not None
        self.limiter.session.record_success(request.slot, latency)
        if self._concurrency.record_answer(latency, now) and self._idle:
            # There is room for more than the sender that is free now.
            self._tick()

    async def throttled(self, request: Request, asked: float | None) -> float:
        """Holds everyone after a 429: see `RateLimiter.throttled`. Returns the seconds of the hold."""
        assert request.slot is not None
        held = await self.limiter.throttled(request.slot, asked)
        self._snooze_if_long()
        return held

    async def halt(self, job_id: str, fault: Halt) -> None:
        """Stops the whole job: a refused credential pauses it, a refused organization fails it."""
        control = Control.PAUSE if fault.code is ReasonCode.CREDENTIAL_REJECTED else Control.FAIL
        message = fault.reason.message or fault.reason.name
        log.error("job stopped", job_id=job_id, code=fault.code, status=fault.reason.status, message=message)
        for context in self.waiting.slices:
            if context.job_id == job_id:
                context.commit.give_back()
        services = self.services
        await services.redis_retry(
            lambda: services.store.control(job_id, control, code=fault.code, message=message)
        )

    # The engine's side.

    def start_sender(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs `work` until the dispatcher is closed. What it logs is about no slice but those it names."""
        task = self._loop.create_task(work, context=Context())
        self._senders.add(task)

    def hear_of_hold(self, seconds: float) -> None:
        """Sends nothing for `seconds`: another process met a 429."""
        self.limiter.hear_of_hold(seconds)
        self._snooze_if_long()

    async def close(self) -> None:
        """To be called when no work is left."""
        if self._timer is not None:
            self._timer.cancel()
        # An exchange may take long. What talks to Redis is waited for: a cancellation can get lost there.
        for task in (*self._senders, *filter(None, [self._token_task])):
            task.cancel()
        await asyncio.gather(*self._senders, *self._tasks, return_exceptions=True)

    # Whose turn it is.

    def _tick(self) -> None:
        """Hands out what may be sent now, and comes again when there is a reason to."""
        while self._idle and (request := self.take()) is not None:
            given = self._idle.pop()
            if given.done():
                # Its sender was cancelled.
                self._put_back(request)
            else:
                given.set_result(request)
        if not self.waiting:
            return
        now = self.now()
        if self._may_send(now):
            self._reserve_if_low(now)
            if now >= self._token_look_at:
                self._look_for_token()
        self._look_again_at(self._next_look(now))

    def _may_send(self, now: float) -> bool:
        gate = self.services.gate
        if not gate.may_send(now):
            for request in self.waiting:
                if request.reported_opening != gate.openings:
                    request.reported_opening = gate.openings
                    request.context.commit.set_api_problem(gate.problem())
            return False
        if not self.services.api.is_ready(self._org_id):
            self._tokenless.run(now, on=True)
            self._look_for_token()
            return False
        return True

    def _next_look(self, now: float) -> float:
        gate = self.services.gate
        if not gate.may_send(now):
            return gate.next_try(now)
        wakes = [now + _LOOK_UP]
        # Without room nothing comes of a slot: whoever gives it back takes the next request.
        if self._concurrency.has_room(now) and (coming := self.limiter.next_due(now)) is not None:
            wakes.append(coming)
        elif self._concurrency.is_slow_start(now):
            wakes.append(self._concurrency.slow_start_ends)
        if not self._is_reserving and not self._tokenless.is_running:
            wakes.append(self.limiter.low_at(now))
        return min(wakes)

    def _look_again_at(self, when: float) -> None:
        """A look too many is harmless, and cheaper than a new timer at each."""
        if self._timer is not None:
            if self._timer.when() <= when:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._tick()

    def _is_good(self, request: Request) -> bool:
        """Whether what was handed out a moment ago can still be sent."""
        if request.slot is None:
            return True
        fresh = not self.limiter.is_stale(request.slot, self.now())
        gate, api = self.services.gate, self.services.api
        return fresh and (gate.is_open or request.breaker_probe) and api.is_ready(self._org_id)

    def _put_back(self, request: Request) -> None:
        """Queues a request that was handed out again: the loop was busy since, or the circuit shut."""
        if request.slot is None:
            self._unsendable.append(request)
            return
        now = self.now()
        self.services.gate.leave(now, breaker_probe=request.breaker_probe)
        self.limiter.give_up()
        self._concurrency.release(now)
        request.slot, request.breaker_probe = None, False
        self.waiting.put_back(request)

    def _come_back(self, request: Request) -> None:
        del self._later[request]
        context = request.context
        try:
            self.offer(*resume_request(request, self.services.gate.breaker))
        except Exception as error:  # noqa: BLE001 -- it is raised again where the slice ends.
            context.broken(error)
        context.closed()

    # What it waits for.

    def _reserve_if_low(self, now: float) -> None:
        if not self._is_reserving and now >= self.limiter.low_at(now):
            self._is_reserving = True
            self._start(self._reserve())

    async def _reserve(self) -> None:
        try:
            await self.limiter.reserve(self.waiting.demands())
            self._is_reserving = False
            self._snooze_if_long()
            self._tick()
            await self.limiter.session.hand_in()
        except Exception as error:  # noqa: BLE001 -- it is raised again where the slices end.
            self._is_reserving = False
            self.waiting.fail(error)

    def _look_for_token(self) -> None:
        self._token_look_at = self.now() + _LOOK_UP
        if self._token_task is None:
            self._token_task = self._start(self._get_token())

    async def _get_token(self) -> None:
        """Waits until there is an access token; has it renewed in time, too."""
        try:
            no_token = await self.services.api.ready(self._org_id)
            if no_token is not None:
                self._cannot_send(no_token)
        except (CredentialRejectedError, NotOwnerError) as error:
            for job_id in {request.context.job_id for request in self.waiting}:
                await self.halt(job_id, credential_fault(error))
        except Exception as error:  # noqa: BLE001 -- it is raised again where the slices end.
            self.waiting.fail(error)
        finally:
            self._token_task = None
            self._tokenless.run(self.now(), on=False)
        self._tick()

    def _cannot_send(self, no_token: NoReply) -> None:
        """All that wait have waited for the same token; while the circuit is open, only its probe has."""
        gate = self.services.gate
        is_open = gate.is_open
        while (request := self.waiting.pop()) is not None:
            request.no_token = no_token
            request.breaker_probe = gate.enter(self.now())
            self._unsendable.append(request)
            if not is_open:
                break

    def _snooze_if_long(self) -> None:
        """A hold too long to be waited for: the slices go back to the queue until it ends."""
        seconds = self.limiter.held_seconds(self.now())
        if 1000 * seconds > LONG_HOLD_MS:
            for context in self.waiting.slices:
                context.snooze(seconds)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        # No part of the request that happened to need it: what it logs is about all of them.
        task = self._loop.create_task(work, context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
