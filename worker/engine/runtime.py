"""What a worker process has one of: event loop, HTTP session, Redis pool, lanes, sweeper.

Made after the fork, at the first task or when the worker is ready, and closed at its end. Celery's threads
hand coroutines to the loop; several slices are in flight in it at once.
"""

import asyncio
import os
import secrets
import socket
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import wait
from functools import partial
from typing import Any, Final, TypeVar
from weakref import WeakValueDictionary

import structlog

from worker.api.client import ActivationClient
from worker.api.exchange_lock import SharedExchangeLock
from worker.api.session import make_session
from worker.api.tokens import AccessTokens
from worker.core.errors import DamagedRecordError
from worker.core.job import Control, ReasonCode
from worker.engine.account import Account
from worker.engine.alone import run_alone
from worker.engine.at_work import AtWork
from worker.engine.gate import Gate
from worker.engine.holds import Holds
from worker.engine.lane import Lane
from worker.engine.ledger import Ledger
from worker.engine.patience import Patience
from worker.engine.probes import Probes
from worker.engine.retention import Retention
from worker.engine.slice_run import SliceRun
from worker.engine.sweeper import Sweeper
from worker.process.heartbeat import Health, Heartbeat
from worker.process.liveness import consumer_is_stuck
from worker.settings import Settings
from worker.store.budget import BudgetStore
from worker.store.claims import Claim, ClaimStore
from worker.store.connect import async_client
from worker.store.exchanges import ExchangeStore
from worker.store.steps import Code, Ticket
from worker.telemetry.traces import ActivationApi, Tracing

SendMessages = Callable[[str, Sequence[Ticket]], None]
"""Puts messages for slices of a job into the broker's queue. Blocking."""

SHOW_SECONDS: Final = 2.0
SHOWN_AT_MOST: Final = 10
"""Times that a slice's progress is shown: at no rate more than one message for some twenty batches."""

_NOT_SERVED: Final = {
    Code.OTHER_HOST: "job left to others: it was sent to another API_URL before",
    Code.OTHER_ORG: "job left to others: ORGS leaves its organization out",
    Code.OTHER_VERSION: "job left to others: its record is of another version than this worker's",
    Code.BAD_ORG: "job failed: its record names no organization, so somebody wrote to Redis",
}
_MOST_LEFT: Final = 1000
"""Jobs that are remembered as told of."""

T = TypeVar("T")
log = structlog.get_logger(__name__)


class StoppingError(Exception):
    """The process ends: the message is for another."""


class Engine:
    """Everything of a worker process that lives on its loop."""

    def __init__(
        self,
        settings: Settings,
        send_messages: SendMessages,
        tracing: Tracing | None = None,
        only_job: str | None = None,
    ) -> None:
        """`only_job`: other jobs are left exactly as they are."""
        self._settings = settings
        self._scope = settings.scope(only_job)
        self._left: set[str] = set()
        self._send_messages = send_messages
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._redis = async_client(settings.redis_url)
        self._store = ClaimStore(self._redis, self._scope)
        self._session = make_session(settings)
        now = asyncio.get_running_loop().time
        lock = SharedExchangeLock(ExchangeStore(self._redis, settings.api_host, secrets.token_hex(8)), now)
        tokens = AccessTokens(settings, self._session, now, lock)
        self._api: ActivationApi = ActivationClient(self._session, tokens)
        if tracing is not None:
            self._api = tracing.with_spans(self._api)
        self._gate = Gate()
        self._probes: WeakValueDictionary[str, Probes] = WeakValueDictionary()
        self._lanes: dict[str, Lane] = {}
        self._by_budget: dict[str, Lane] = {}
        self._holds = Holds(self._redis, self._hear_of_hold)
        self._at_work = AtWork(self._begin)
        self._patiently = Patience()
        self._stopping = asyncio.Event()
        self._sweeper = Sweeper(self._store, self._name, self._queue, self._at_work.share)
        self._retention = Retention(self._store, settings.retention)
        self._heard = asyncio.get_running_loop().time()
        file = settings.heartbeat_file
        self._heartbeat = Heartbeat(file, self._vitals) if file else None

    async def run_slice(
        self,
        job_id: str,
        slice_no: int,
        account: Account | None = None,
        *,
        isolated_process: str | None = None,
    ) -> None:
        """The work behind one message. Without a claim there is nothing to do: messages only wake.

        `account` is told what comes of it. `isolated_process`: the claim's nonce, in a process that does
        nothing else.

        Raises `StoppingError` where this process takes on nothing more.
        """
        if self._stopping.is_set():
            raise StoppingError
        if not self._scope.is_for(job_id):
            log.debug("left alone: this worker is for another job", job_id=job_id)
            return
        if (work := await self._begin(job_id, slice_no, account, isolated_process)) is not None:
            await work

    async def _begin(
        self, job_id: str, slice_no: int, account: Account | None = None, isolated_process: str | None = None
    ) -> Coroutine[Any, Any, None] | None:
        """Claims a slice: the work that is to be done now, None where it is not to be had."""
        nonce = isolated_process or secrets.token_hex(8)
        try:
            claim, queue = await self._patiently(
                partial(self._claim, job_id, slice_no, nonce, isolated_process=bool(isolated_process))
            )
        except DamagedRecordError as error:
            await self._fail(job_id, slice_no, error)
            return None
        if claim is Code.NEEDS_ISOLATION:
            return self._run_alone(job_id, slice_no, nonce)
        if not isinstance(claim, Claim):
            self._not_claimed(job_id, claim)
            return None
        return self._work_on(claim, queue, account or Account())

    async def _work_on(self, claim: Claim, queue: Sequence[Ticket], account: Account) -> None:
        job_id = claim.job_id
        with structlog.contextvars.bound_contextvars(job_id=job_id, slice=claim.slice_no, claim=claim.number):
            await self._queue(job_id, queue)
            probes = self._probes.setdefault(job_id, Probes())
            ledger = Ledger(self._store, claim, self._queue, self._patiently, probes, account)
            lane = self._lane(claim.org_id)
            stop_job = partial(self._at_work.stop_job, job_id)
            policy = self._settings.policy
            run = SliceRun(
                self._store, claim, ledger, lane, self._api, policy, self._patiently, stop_job, self._gate
            )
            with self._at_work.noted(run):
                if self._stopping.is_set():
                    # Told so while it claimed.
                    run.stop()
                await run.run()
            log.info("slice ended", went_on=ledger.going_on, **account.line())
        await self._at_work.done_instead(run)

    async def _fail(self, job_id: str, slice_no: int, error: DamagedRecordError) -> None:
        """What cannot be read cannot be sent: the job ends, and its report says why."""
        log.error("job stopped: its record is damaged", job_id=job_id, slice=slice_no, problem=str(error))
        self._at_work.stop_job(job_id)
        await self._patiently(
            partial(
                self._store.control, job_id, Control.FAIL, code=ReasonCode.RECORD_LOST, message=str(error)
            )
        )

    async def _claim(
        self, job_id: str, slice_no: int, nonce: str, *, isolated_process: bool
    ) -> tuple[Claim | Code, list[Ticket]]:
        return await self._store.claim(
            job_id, slice_no, nonce=nonce, worker=self._name, isolated_process=isolated_process
        )

    def _not_claimed(self, job_id: str, why: Code) -> None:
        told = _NOT_SERVED.get(why)
        if told is None:
            log.debug("nothing to claim", why=why)
        elif job_id not in self._left:
            # Once a job: its messages come again and again.
            if len(self._left) == _MOST_LEFT:
                self._left.clear()
            self._left.add(job_id)
            log.warning(told, job_id=job_id, api_url=self._scope.api_url)

    async def _run_alone(self, job_id: str, slice_no: int, nonce: str) -> None:
        """Workers died of this slice, it seems: a process that does nothing else is to find out."""
        log.warning("slice is run in a process of its own", job_id=job_id, slice=slice_no)
        if await run_alone(job_id, slice_no, nonce, self._stopping) or self._stopping.is_set():
            return
        code, queue = await self._patiently(lambda: self._store.set_aside(job_id, slice_no, nonce))
        log.error("the process of the slice died", job_id=job_id, slice=slice_no, then=code)
        await self._queue(job_id, queue)

    def stop_soon(self) -> None:
        """No new request; slices in work are given back once what is in flight has landed."""
        self._stopping.set()
        self._patiently.run_out_soon()
        self._sweeper.stop_sweeping()
        self._at_work.stop()

    def consumer_lives(self) -> None:
        """Told by Celery's consumer, every other second while it is connected."""
        self._heard = asyncio.get_running_loop().time()

    async def close(self) -> None:
        if self._heartbeat is not None:
            await self._heartbeat.close()
        await self._sweeper.close()
        await self._at_work.close()
        await self._holds.close()
        await self._retention.close()
        for lane in self._lanes.values():
            await lane.close()
        await self._session.close()
        await self._redis.aclose()

    def _vitals(self) -> Health:
        now = asyncio.get_running_loop().time()
        since, stopping = self._sweeper.redis_since, self._stopping.is_set()
        answers = "does not answer" if since is None else "answers"
        stuck = consumer_is_stuck(now, self._heard, since, stopping=stopping)
        parts = (self._sweeper.rounds, self._retention.rounds, self._holds)
        ails = "".join(f"; {part.trouble}" for part in parts if part.trouble is not None)
        # One that fails at each round goes on, and so would fail in another process; one that ended does not.
        return Health(
            not stuck and not any(part.has_stopped for part in parts),
            f"consumer heard {now - self._heard:.1f} s ago; Redis {answers}{ails}",
        )

    def _lane(self, org_id: str) -> Lane:
        lane = self._lanes.get(org_id)
        if lane is None:
            settings = self._settings
            budget = BudgetStore(self._redis, settings.api_host, org_id, self._name)
            lane = Lane(budget, settings.rate_config, settings.concurrency, self._patiently)
            self._lanes[org_id] = self._by_budget[budget.key] = lane
        return lane

    def _hear_of_hold(self, budget: str, seconds: float) -> None:
        if (lane := self._by_budget.get(budget)) is not None:
            lane.pacer.hear_of_hold(seconds)

    async def _queue(self, job_id: str, tickets: Sequence[Ticket]) -> None:
        """Sends messages. One that gets lost is sent again by a sweep."""
        if not tickets:
            return
        try:
            await asyncio.to_thread(self._send_messages, job_id, tickets)
        except Exception as error:  # noqa: BLE001 -- kombu raises what its transport raises.
            log.warning("could not queue slices; a sweep will", problem=type(error).__name__)


class Runtime:
    """The loop's thread. One per process: a thread does not survive a fork, so it is made per pid."""

    def __init__(
        self,
        settings: Settings,
        send_messages: SendMessages,
        tracing: Tracing | None = None,
        only_job: str | None = None,
    ) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="engine", daemon=True)
        self._thread.start()
        self._engine = self._call(_make(settings, send_messages, tracing, only_job))

    def run_slice(
        self, job_id: str, slice_no: int, show: Callable[[Account], None] = lambda _account: None
    ) -> Account:
        """Blocks the calling thread until the slice is done or given back. What came of it.

        Meanwhile `show` is called now and then, in this thread, where ids were settled since.
        """
        account, shown = Account(), 0
        work = asyncio.run_coroutine_threadsafe(self._engine.run_slice(job_id, slice_no, account), self._loop)
        while not wait([work], SHOW_SECONDS).done:
            if account.settled - shown >= max(1, account.ids // SHOWN_AT_MOST):
                shown = account.settled
                show(account)
        work.result()
        return account

    def stop_soon(self) -> None:
        self._loop.call_soon_threadsafe(self._engine.stop_soon)

    def consumer_lives(self) -> None:
        self._loop.call_soon_threadsafe(self._engine.consumer_lives)

    def close(self) -> None:
        self._call(self._engine.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


async def _make(
    settings: Settings, send_messages: SendMessages, tracing: Tracing | None, only_job: str | None
) -> Engine:
    return Engine(settings, send_messages, tracing, only_job)
