"""What a message, or a job that waits, sets off in this process: slices are claimed and worked on."""

import asyncio
import secrets
from collections.abc import Coroutine, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from weakref import WeakValueDictionary

import structlog

from worker.core.errors import DamagedRecordError
from worker.core.job import Control, ReasonCode
from worker.core.scope import Scope
from worker.engine.at_work import AtWork
from worker.engine.dispatchers import Dispatchers
from worker.engine.isolation import run_alone
from worker.engine.job_view import JobView
from worker.engine.services import Services
from worker.engine.slice_progress import TaskProgress
from worker.engine.slice_runner import SliceRunner
from worker.store.claims import Claim
from worker.store.script_calls import Code, Ticket

SLICES_IN_A_ROW: Final = 8
"""Slices of a job that one message is good for: each message costs some 5 ms of CPU. Those after the first
are claimed without one, and only while no other job waits."""

_NOT_SERVED: Final = {
    Code.OTHER_HOST: "job left to others: it was sent to another API_URL before",
    Code.OTHER_ORG: "job left to others: ORGS leaves its organization out",
    Code.OTHER_VERSION: "job left to others: its record is of another version than this worker's",
    Code.BAD_ORG: "job failed: its record names no organization, so somebody wrote to Redis",
}
_MAX_LEFT: Final = 1000
"""Jobs that are remembered as warned of."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WakeUp:
    """What a message sets off; the slice that it names is the first of those that it is good for."""

    job_id: str
    task: TaskProgress
    """Sums up what comes of it."""
    traceparent: str | None = None
    """The span of the job's submission, where it is traced."""
    isolated_process: str | None = None
    """The claim's nonce, in a process that does nothing else."""


class StoppingError(Exception):
    """The process ends: the message is for another."""


class SliceWork:
    """One per process."""

    def __init__(self, services: Services, scope: Scope, dispatchers: Dispatchers, worker: str) -> None:
        self._services = services
        self._scope = scope
        self._dispatchers = dispatchers
        self._worker = worker
        self._stopping = asyncio.Event()
        self._left: set[str] = set()
        self._views: WeakValueDictionary[str, JobView] = WeakValueDictionary()
        self.at_work = AtWork(self._begin_for)

    @property
    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    def stop_soon(self) -> None:
        """No new request; slices in work are given back once what is in flight has landed."""
        self._stopping.set()
        self.at_work.stop()

    async def run(self, wake_up: WakeUp, slice_no: int) -> None:
        """The work behind one message. Without a claim there is nothing to do: messages only wake.

        Raises `StoppingError` where this process takes on nothing more.
        """
        if self.is_stopping:
            raise StoppingError
        if not self._scope.is_for(wake_up.job_id):
            log.debug("left alone: this worker is for another job", job_id=wake_up.job_id)
            return
        for _ in range(SLICES_IN_A_ROW):
            work = await self._begin(wake_up, slice_no)
            upcoming = None if work is None else await work
            if upcoming is None or not self._may_take_another(wake_up):
                return
            slice_no = upcoming

    def _may_take_another(self, wake_up: WakeUp) -> bool:
        if wake_up.isolated_process is not None or self.is_stopping:
            return False
        return not self.at_work.others_wait(wake_up.job_id)

    async def _begin_for(self, job_id: str, slice_no: int) -> Coroutine[Any, Any, int | None] | None:
        return await self._begin(WakeUp(job_id, TaskProgress()), slice_no)

    async def _begin(self, wake_up: WakeUp, slice_no: int) -> Coroutine[Any, Any, int | None] | None:
        """Claims a slice: the work that is to be done now, None where it is not to be had."""
        job_id, nonce = wake_up.job_id, wake_up.isolated_process or secrets.token_hex(8)
        services = self._services
        try:
            claim, queue = await services.redis_retry(
                lambda: services.store.claim(
                    job_id,
                    slice_no,
                    nonce=nonce,
                    worker=self._worker,
                    isolated_process=wake_up.isolated_process is not None,
                )
            )
        except DamagedRecordError as error:
            await self._fail(job_id, slice_no, error)
            return None
        if claim is Code.NEEDS_ISOLATION:
            return self._run_alone(job_id, slice_no, nonce)
        if not isinstance(claim, Claim):
            self._not_claimed(job_id, claim)
            return None
        return self._work_on(claim, queue, wake_up)

    async def _work_on(self, claim: Claim, queue: Sequence[Ticket], wake_up: WakeUp) -> int | None:
        """Returns a slice that may be claimed next, where this one was worked on to its end."""
        job_id, progress = claim.job_id, wake_up.task.begin(claim)
        with (
            self._span(claim, wake_up.traceparent),
            structlog.contextvars.bound_contextvars(job_id=job_id, slice=claim.slice_no, claim=claim.number),
        ):
            await self._services.queue(job_id, queue)
            view = self._views.setdefault(job_id, JobView())
            runner = SliceRunner(self._services, self._dispatchers.of(claim.org_id), claim, view, progress)
            with self.at_work.noted(runner):
                if self.is_stopping:
                    # Told so while it claimed.
                    runner.stop()
                await runner.run()
            log.info("slice ended", went_on=runner.going_on, **progress.line())
        await self.at_work.done_instead(runner)
        return runner.next_slice if runner.going_on else None

    def _span(self, claim: Claim, traceparent: str | None) -> AbstractContextManager[None]:
        if (tracing := self._services.tracing) is None:
            return nullcontext()
        return tracing.slice_span(traceparent, claim.job_id, claim.slice_no, len(claim.part.ids))

    async def _fail(self, job_id: str, slice_no: int, error: DamagedRecordError) -> None:
        """What cannot be read cannot be sent: the job ends, and its report says why."""
        log.error("job stopped: its record is damaged", job_id=job_id, slice=slice_no, problem=str(error))
        self.at_work.stop_job(job_id)
        store = self._services.store
        await self._services.redis_retry(
            partial(store.control, job_id, Control.FAIL, code=ReasonCode.RECORD_LOST, message=str(error))
        )

    def _not_claimed(self, job_id: str, why: Code) -> None:
        warning = _NOT_SERVED.get(why)
        if warning is None:
            log.debug("nothing to claim", why=why)
        elif job_id not in self._left:
            # Once a job: its messages come again and again.
            if len(self._left) == _MAX_LEFT:
                self._left.clear()
            self._left.add(job_id)
            log.warning(warning, job_id=job_id, api_url=self._scope.api_url)

    async def _run_alone(self, job_id: str, slice_no: int, nonce: str) -> None:
        """Workers died of this slice, it seems: a process that does nothing else is to find out."""
        log.warning("slice is run in a process of its own", job_id=job_id, slice=slice_no)
        if await run_alone(job_id, slice_no, nonce, self._stopping) or self.is_stopping:
            return
        store = self._services.store
        code, queue = await self._services.redis_retry(lambda: store.set_aside(job_id, slice_no, nonce))
        log.error("the process of the slice died", job_id=job_id, slice=slice_no, then=code)
        await self._services.queue(job_id, queue)
