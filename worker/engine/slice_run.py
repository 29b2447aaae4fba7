"""One slice in this process: fed to its lane batch by batch, recorded, and given back or done."""

import asyncio
from collections.abc import Callable
from functools import partial

import structlog

from worker.core.batches.batch import Batch, Settlement
from worker.core.batches.packing import Pool, cut, may_be_packed
from worker.core.batches.record import entries_of
from worker.core.job import Control, ReasonCode
from worker.core.outcome import CODES, Outcome
from worker.core.reason import Reason
from worker.core.retrying.policy import Policy, split_exhausted
from worker.core.retrying.step import Halt
from worker.engine.gate import Gate
from worker.engine.lane import Lane
from worker.engine.ledger import Ledger
from worker.engine.patience import Patience
from worker.engine.settle import Run, settle
from worker.store.claims import Claim, ClaimEnd, ClaimStore
from worker.telemetry.traces import ActivationApi

log = structlog.get_logger(__name__)


class SliceRun:
    """Sends what a claim left unsettled. `stop` makes it end soon; what is in flight still lands."""

    def __init__(
        self,
        store: ClaimStore,
        claim: Claim,
        ledger: Ledger,
        lane: Lane,
        api: ActivationApi,
        policy: Policy,
        patience: Patience,
        stop_job: Callable[[], None] = lambda: None,
        gate: Gate | None = None,
    ) -> None:
        """`stop_job` stops what else this process sends for the job; `gate` is shared with other slices."""
        self._store = store
        self._claim = claim
        self._ledger = ledger
        self._lane = lane
        self._run = Run(
            claim.job_id,
            claim.org_id,
            api,
            policy,
            lane,
            ledger,
            gate or Gate(),
            claim.slice_no,
            claim.number,
            self._halt,
            self._later,
        )
        self._stop_job = stop_job
        self._patiently = patience
        self._end = ClaimEnd.RELEASE
        self._unfed = 0
        self._under_way = 0
        self._all_home = asyncio.Event()
        self._pool = Pool()
        self._waits: set[asyncio.Task[None]] = set()
        self._problem: Exception | None = None

    @property
    def job_id(self) -> str:
        return self._claim.job_id

    @property
    def weight(self) -> float:
        return self._claim.weight

    @property
    def backlog(self) -> int:
        """Batches that are still to be handed to the lane."""
        return self._unfed

    @property
    def going_on(self) -> bool:
        """Whether it still sends: neither at its end nor to be given back."""
        return self._ledger.going_on

    def give_back(self) -> None:
        """Nothing more of it is sent here: its job stops, or another is to have its turn."""
        self._ledger.stop()

    def snooze(self, seconds: float) -> None:
        """Nobody may send for so long: the slice is left alone until then."""
        if self._end is ClaimEnd.RELEASE and self._ledger.going_on:
            self._end = ClaimEnd.SNOOZE
            self._ledger.snooze = seconds
            self._ledger.spent("held_by_429", seconds)
            self._ledger.stop()

    def stop(self) -> None:
        """The worker ends: others are to go on with the slice."""
        if self._problem is None:
            self._end = ClaimEnd.HAND_OVER
        self._ledger.stop()

    async def run(self) -> None:
        """Returns once every id of the slice is settled, or the slice is given back."""
        keeper = asyncio.create_task(self._ledger.keep())
        try:
            healthy, suspects = _unsettled(self._claim)
            self._unfed = len(healthy)
            with self._lane.riding(self):
                await self._work(healthy, suspects)
        finally:
            self._ledger.close(self._end)
            await keeper
            # It names methods of this object: a cycle, which would keep the slice's ids until a collection.
            del self._run
        if odd := self._ledger.odd_by_kind:
            log.warning("answers were not as documented: read as far as they can be", odd=odd)
        if self._problem is not None:
            raise self._problem

    async def _work(self, healthy: list[Batch], suspects: list[Batch]) -> None:
        await self._feed(healthy)
        for batch in suspects:
            self._put(batch, "retried")
        while await self._something_is_left():
            self._all_home.clear()
            await self._all_home.wait()

    async def _something_is_left(self) -> bool:
        if not self._under_way and self._ledger.going_on:
            # Nothing comes any more that could fill the last request of suspects.
            for batch in self._pool.rest():
                self._put(batch, "retried")
        return self._under_way > 0

    async def _feed(self, batches: list[Batch]) -> None:
        fed = 0
        while fed < len(batches) and self._ledger.going_on:
            admitted = await self._lane.admit(self.job_id, len(batches) - fed, self._run.goes_on)
            if not admitted:
                return
            window = batches[fed : fed + admitted]
            if not await self._ledger.raise_mark(window[-1].indices[-1] + 1):
                self._lane.passed(self.job_id, len(window))
                return
            for batch in window:
                self._put(batch, "", Once(partial(self._lane.passed, self.job_id)))
            fed += admitted
            self._unfed -= admitted

    def _put(
        self,
        batch: Batch,
        repeat: str,
        on_turn: Callable[[], None] = lambda: None,
        why: Reason | None = None,
    ) -> None:
        self._under_way += 1
        self._lane.put(self._deliver(batch, repeat, on_turn, why))

    async def _deliver(
        self, batch: Batch, repeat: str, on_turn: Callable[[], None], why: Reason | None
    ) -> None:
        try:
            await settle(batch, self._run, repeat=repeat, why=why, on_turn=on_turn)
        except Exception as error:  # noqa: BLE001 -- it is raised again where the slice ends.
            # A defect of ours, not of the API: the slice is given back, and its task fails loudly.
            self._break(error)
            # It may have been sent. What is settled already stays so.
            self._ledger.settle(Settlement(batch, CODES[Outcome.AMBIGUOUS] * len(batch.ids), 0))
        finally:
            on_turn()
            self._is_home()

    def _break(self, error: Exception) -> None:
        self._problem = error
        self._end = ClaimEnd.BREAK
        self._ledger.stop()

    def _later(self, batch: Batch, delay: float, fault: Reason | None, repeat: str) -> None:
        """Sends `batch` again after `delay` seconds. Meanwhile it takes up no sender."""
        self._under_way += 1
        task = asyncio.create_task(self._come_back(batch, delay, fault, repeat))
        self._waits.add(task)
        task.add_done_callback(self._waits.discard)

    async def _come_back(self, batch: Batch, delay: float, fault: Reason | None, repeat: str) -> None:
        try:
            await self._ledger.back_off(delay)
            self._ledger.spent("backing_off", delay)
            if self._ledger.going_on:
                self._again(batch, fault, repeat)
        except Exception as error:  # noqa: BLE001 -- as above; what waited is recorded already.
            self._break(error)
        finally:
            self._is_home()

    def _again(self, batch: Batch, fault: Reason | None, repeat: str) -> None:
        left: Batch | None = batch
        if fault is not None:
            owing, guilty = self._run.gate.resolve_charges(batch)
            self._ledger.count("charged", guilty)
            spent, left = split_exhausted(self._run.policy, owing, fault)
            if spent is not None:
                self._ledger.count("charged", len(owing.pending_charges))
                self._ledger.settle(spent)
        if left is None:
            return
        if not may_be_packed(left):
            self._put(left, repeat, why=fault)
            return
        self._pool.add(left)
        for full in self._pool.full():
            self._put(full, "retried")

    def _is_home(self) -> None:
        self._under_way -= 1
        self._all_home.set()

    async def _halt(self, fault: Halt) -> None:
        """A fault of the whole job: a refused credential pauses it, a refused organization fails it."""
        control = Control.PAUSE if fault.code is ReasonCode.CREDENTIAL_REJECTED else Control.FAIL
        message = fault.reason.message or fault.reason.name
        log.error("job stopped", code=fault.code, status=fault.reason.status, message=message)
        self._ledger.stop()
        self._stop_job()
        await self._patiently(
            lambda: self._store.control(self._claim.job_id, control, code=fault.code, message=message)
        )


class Once:
    """Calls what it was given at its first call only."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call: Callable[[], None] | None = call

    def __call__(self) -> None:
        if self._call is not None:
            call, self._call = self._call, None
            call()


def _unsettled(claim: Claim) -> tuple[list[Batch], list[Batch]]:
    """What is left to send: healthy ids, and those in doubt."""
    return cut(claim.part.ids, entries_of(claim.stored, len(claim.part.ids), at_rest=False))
