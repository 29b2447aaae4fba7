"""What a worker process has one of, on its event loop: HTTP session, Redis pool, dispatchers, sweeper.

Made after the fork, and closed at the process's end. Several slices are in flight in it at once.
"""

import asyncio
import os
import secrets
import socket
from collections.abc import Callable, Sequence

import structlog

from worker.api.client import ActivationClient
from worker.api.exchange_lock import SharedExchangeLock
from worker.api.session import make_session
from worker.api.tokens import AccessTokens
from worker.engine.circuit_gate import CircuitGate
from worker.engine.dispatchers import Dispatchers
from worker.engine.limiter.holds import Holds
from worker.engine.redis_retry import RedisRetry
from worker.engine.retention import Retention
from worker.engine.services import Services
from worker.engine.slice_progress import TaskProgress
from worker.engine.slice_work import SliceWork, WakeUp
from worker.engine.sweeper import Sweeper
from worker.process.heartbeat import Health, Heartbeat
from worker.process.liveness import consumer_is_stuck
from worker.settings import Settings
from worker.store.claims import ClaimStore
from worker.store.connect import async_client, open_connections
from worker.store.exchanges import ExchangeStore
from worker.store.script_calls import Ticket
from worker.telemetry.traces import ActivationApi, Tracing

SendMessages = Callable[[str, Sequence[Ticket]], None]
"""Puts messages for slices of a job into the broker's queue. Blocking."""

log = structlog.get_logger(__name__)


class Engine:
    def __init__(
        self,
        settings: Settings,
        send_messages: SendMessages,
        tracing: Tracing | None = None,
        only_job: str | None = None,
    ) -> None:
        """`only_job`: other jobs are left exactly as they are."""
        now = asyncio.get_running_loop().time
        name = f"{socket.gethostname()}:{os.getpid()}"
        scope = settings.scope(only_job)
        self._send_messages = send_messages
        self._redis = async_client(settings.redis_url)
        self._opening = asyncio.create_task(open_connections(self._redis))
        self._session = make_session(settings)
        lock = SharedExchangeLock(ExchangeStore(self._redis, settings.api_host, secrets.token_hex(8)), now)
        api: ActivationApi = ActivationClient(self._session, AccessTokens(settings, self._session, now, lock))
        self._redis_retry = RedisRetry()
        store = ClaimStore(self._redis, scope)
        services = Services(
            store,
            api if tracing is None else tracing.with_spans(api),
            settings.policy,
            self._queue,
            self._redis_retry,
            CircuitGate(),
            tracing,
        )
        self._dispatchers = Dispatchers(settings, self._redis, services, name)
        self._holds = Holds(self._redis, self._dispatchers.hear_of_hold)
        self._work = SliceWork(services, scope, self._dispatchers, name)
        self._sweeper = Sweeper(store, name, self._queue, self._work.at_work.share)
        self._retention = Retention(store, settings.retention)
        self._heard = now()
        file = settings.heartbeat_file
        self._heartbeat = Heartbeat(file, self._vitals) if file else None

    async def run_slice(
        self,
        job_id: str,
        slice_no: int,
        task: TaskProgress | None = None,
        *,
        traceparent: str | None = None,
        isolated_process: str | None = None,
    ) -> None:
        """See `SliceWork.run`."""
        work = WakeUp(job_id, task or TaskProgress(), traceparent, isolated_process)
        await self._work.run(work, slice_no)

    def stop_soon(self) -> None:
        """No new request; slices in work are given back once what is in flight has landed."""
        self._redis_retry.stop_soon()
        self._sweeper.stop_sweeping()
        self._work.stop_soon()

    def consumer_lives(self) -> None:
        """Told by Celery's consumer, every other second while it is connected."""
        self._heard = asyncio.get_running_loop().time()

    async def close(self) -> None:
        if self._heartbeat is not None:
            await self._heartbeat.close()
        await self._sweeper.close()
        await self._work.at_work.close()
        await self._holds.close()
        await self._retention.close()
        await self._dispatchers.close()
        await self._session.close()
        self._opening.cancel()
        await asyncio.wait([self._opening])
        await self._redis.aclose()

    def _vitals(self) -> Health:
        now = asyncio.get_running_loop().time()
        since, stopping = self._sweeper.redis_since, self._work.is_stopping
        answers = "does not answer" if since is None else "answers"
        stuck = consumer_is_stuck(now, self._heard, since, stopping=stopping)
        parts = (self._sweeper.rounds, self._retention.rounds, self._holds)
        ails = "".join(f"; {part.trouble}" for part in parts if part.trouble is not None)
        # One that fails at each round goes on, and so would fail in another process; one that ended does not.
        return Health(
            not stuck and not any(part.has_stopped for part in parts),
            f"consumer heard {now - self._heard:.1f} s ago; Redis {answers}{ails}",
        )

    async def _queue(self, job_id: str, tickets: Sequence[Ticket]) -> None:
        """Sends messages. One that gets lost is sent again by a sweep."""
        if not tickets:
            return
        try:
            await asyncio.to_thread(self._send_messages, job_id, tickets)
        except Exception as error:  # noqa: BLE001 -- kombu raises what its transport raises.
            log.warning("could not queue slices; a sweep will", problem=type(error).__name__)
