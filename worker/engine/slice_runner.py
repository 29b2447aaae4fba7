"""One slice in this process: fed to its dispatcher batch by batch, recorded, and given back or done."""

import asyncio

import structlog

from worker.core.batches.batch import MAX_BATCH, Batch
from worker.core.batches.packing import cut, fixed_batches
from worker.core.batches.record import entries_of
from worker.engine.commit_buffer import CommitBuffer
from worker.engine.dispatcher import Dispatcher
from worker.engine.job_view import JobView
from worker.engine.request import Request, SendContext
from worker.engine.retries import suspect
from worker.engine.services import Services
from worker.engine.slice_progress import SliceProgress
from worker.store.claims import Claim, ClaimEnd

log = structlog.get_logger(__name__)


class SliceRunner:
    """Sends what a claim left unsettled. `stop` makes it end soon; what is in flight still lands."""

    def __init__(
        self,
        services: Services,
        dispatcher: Dispatcher,
        claim: Claim,
        job: JobView,
        progress: SliceProgress,
    ) -> None:
        """`job` is shared with the other slices of the job in this process."""
        self._claim = claim
        self._dispatcher = dispatcher
        self._commit = CommitBuffer(services, claim, job, progress)
        self._context = SendContext(claim, services.policy, self._commit, job)

    @property
    def job_id(self) -> str:
        return self._claim.job_id

    @property
    def going_on(self) -> bool:
        """Whether it still sends: neither at its end nor to be given back."""
        return self._commit.going_on

    @property
    def next_slice(self) -> int | None:
        """A slice of the job that may be claimed next, once this one has ended."""
        return self._commit.next_slice

    def give_back(self) -> None:
        """Stops sending: its job stops, or a slice of another job takes its place."""
        self._commit.give_back()

    def stop(self) -> None:
        """Stops sending because the worker ends, so that another one goes on with the slice."""
        self._commit.give_back(ClaimEnd.HAND_OVER)

    async def run(self) -> None:
        """Returns once every id of the slice is settled, or the slice is given back.

        Raises what broke it: a defect of ours, or what the store refuses for good.
        """
        committing = asyncio.create_task(self._commit.run())
        try:
            healthy, suspects = _unsettled(self._claim)
            self._context.unfed = len(healthy)
            with self._dispatcher.waiting.registered(self._context):
                await self._feed(healthy)
                self._dispatcher.offer(*(suspect(self._context, batch) for batch in suspects))
                await self._wait_for_the_last()
        finally:
            self._commit.close()
            await committing
        if odd := self._commit.odd_by_kind:
            log.warning("answers were not as documented: read as far as they can be", odd=odd)
        if self._context.problem is not None:
            raise self._context.problem

    async def _feed(self, batches: list[Batch]) -> None:
        """Marks and offers a window at a time."""
        context, window = self._context, self._dispatcher.waiting.window
        fed = 0
        while fed < len(batches) and (admitted := await window.admit(context, len(batches) - fed)):
            marked = batches[fed : fed + admitted]
            if not await self._commit.raise_mark(marked[-1].indices[-1] + 1):
                window.release(self.job_id, len(marked))
                return
            fed += admitted
            context.unfed -= admitted
            self._dispatcher.offer(
                *[
                    Request(context, batch, is_untouched=len(batch.ids) == MAX_BATCH, is_ahead=True)
                    for batch in marked
                ]
            )

    async def _wait_for_the_last(self) -> None:
        context, news = self._context, self._commit.news
        while True:
            if not self._commit.going_on:
                self._dispatcher.withdraw(context)
            elif not context.under_way:
                # Nothing comes any more that could fill the last request of suspects.
                self._dispatcher.offer(*(suspect(context, batch) for batch in context.pool.rest()))
            if not context.under_way:
                return
            news.clear()
            await news.wait()


def _unsettled(claim: Claim) -> tuple[list[Batch], list[Batch]]:
    """What is left to send: healthy ids, and suspects."""
    ids, stored = claim.part.ids, claim.stored
    return (
        (fixed_batches(ids), []) if stored.is_blank else cut(ids, entries_of(stored, len(ids), at_rest=False))
    )
