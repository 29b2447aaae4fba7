"""The slices that a worker process works on, and how they make way for those of other jobs.

Another job's slice is claimed before one of ours is given back. Any number of processes may see the same job
waiting: one of them gets its slice, and the others go on with what they have.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import structlog

from worker.core.fairness import SliceCounts, Yield, slices_to_yield
from worker.engine.slice_runner import SliceRunner

Begin = Callable[[str, int], Awaitable[Coroutine[Any, Any, object] | None]]
"""Claims a slice of a job: the work that is to be done now, None where it is not to be had."""

log = structlog.get_logger(__name__)


class AtWork:
    """One per process."""

    def __init__(self, begin: Begin) -> None:
        self._begin = begin
        self._stopping = False
        self._waiting: set[str] = set()
        """Jobs of which slices waited at the last look."""
        self._runs: list[SliceRunner] = []
        self._instead: dict[SliceRunner, asyncio.Task[None]] = {}
        """By the slice that was given back for it."""
        self._tasks: set[asyncio.Task[None]] = set()

    @contextmanager
    def noted(self, run: SliceRunner) -> Iterator[None]:
        self._runs.append(run)
        try:
            yield
        finally:
            self._runs.remove(run)

    async def done_instead(self, run: SliceRunner) -> None:
        """Returns once what was begun in place of `run` is done: a place is free only then."""
        if (work := self._instead.pop(run, None)) is not None:
            await asyncio.wait([work])

    def stop(self) -> None:
        """The process ends: nothing is begun any more, and what is in work is handed over."""
        self._stopping = True
        for run in self._runs:
            run.stop()

    def stop_job(self, job_id: str) -> None:
        """Other processes see it at their next commit."""
        for run in self._runs:
            if run.job_id == job_id:
                run.give_back()

    def share(self, jobs: Mapping[str, SliceCounts]) -> None:
        """Begins slices of jobs that have less than their share, each in place of one of ours."""
        self._waiting = {job_id for job_id, counts in jobs.items() if counts.waiting}
        for yielded in slices_to_yield([run.job_id for run in self._runs if run.going_on], jobs):
            self._start(self._make_way(yielded), yielded)

    def others_wait(self, job_id: str) -> bool:
        """Whether slices of other jobs waited at the last look."""
        return bool(self._waiting - {job_id})

    async def close(self) -> None:
        """To be called after `stop`."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _make_way(self, yielded: Yield) -> None:
        if self._stopping or (work := await self._begin(yielded.to_job, yielded.slice_no)) is None:
            return
        task = self._start(work, yielded)
        run = next((run for run in self._runs if run.job_id == yielded.from_job and run.going_on), None)
        # None where it ended meanwhile: then a place is free as it is.
        if run is not None:
            log.info(
                "slice given back: another job is to have its turn",
                job_id=yielded.from_job,
                to=yielded.to_job,
            )
            run.give_back()
            self._instead[run] = task

    def _start(self, work: Coroutine[Any, Any, object], yielded: Yield) -> asyncio.Task[None]:
        task = asyncio.create_task(_logged(work, yielded))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _logged(work: Coroutine[Any, Any, object], yielded: Yield) -> None:
    try:
        await work
    except Exception:
        # As Celery tells of a task that failed. A sweep has the message for it sent again.
        log.exception(
            "a slice begun in place of another job's failed", job_id=yielded.to_job, slice=yielded.slice_no
        )
