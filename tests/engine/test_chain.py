"""One message is good for some slices in a row, as long as no other job waits."""

import asyncio

from tests.api.standin import stand_in
from tests.api.waiting import until
from tests.engine.agreement import agrees
from tests.engine.fleet import fleet
from tests.engine.jobs import Jobs
from worker.core.fairness import SliceCounts
from worker.core.job import Control
from worker.engine.at_work import AtWork
from worker.engine.slice_progress import TaskProgress
from worker.engine.slice_work import SLICES_IN_A_ROW
from worker.store.script_args import WINDOW

SLICES = 40


async def test_a_message_wakes_a_worker_for_slices_that_no_message_was_sent_for(
    jobs: Jobs, redis_url: str
) -> None:
    async with stand_in() as api, fleet(redis_url, api.url) as workers:
        job = jobs.put(15 * SLICES, per_slice=15)
        engine, task = workers.engine(), TaskProgress()
        sent: list[int] = []
        workers.on_send = lambda: sent.append(1)
        try:
            await engine.run_slice(job.job_id, 0, task)
        finally:
            await engine.close()
        assert jobs.settled(job) == task.settled == task.ids == 15 * SLICES_IN_A_ROW
        # The one that it was woken for made room for another to wait; those after it were never queued.
        assert len(sent) == 1
        assert len(jobs.waiting(job)) == WINDOW
        workers.start()
        await until(lambda: jobs.rests(job), 60)
        await agrees(jobs, job, api)


async def test_a_paused_job_is_gone_on_with_no_further(jobs: Jobs, redis_url: str) -> None:
    async with stand_in(latency=20) as api, fleet(redis_url, api.url) as workers:
        job = jobs.put(15 * SLICES, per_slice=15)
        engine = workers.engine()
        try:
            work = asyncio.create_task(engine.run_slice(job.job_id, 0))
            await until(lambda: jobs.settled(job) >= 15)
            jobs.control(job, Control.PAUSE)
            await work
        finally:
            await engine.close()
        assert jobs.settled(job) < 15 * SLICES_IN_A_ROW
        assert not jobs.claimed(job)


async def test_another_job_that_waits_is_seen_at_each_sweep() -> None:
    at_work = AtWork(lambda _job, _slice: asyncio.sleep(0))
    at_work.share({"large": SliceCounts(waiting=8, claimed=4), "small": SliceCounts(waiting=0, claimed=1)})
    assert not at_work.others_wait("large")
    assert at_work.others_wait("small")
    at_work.share({"large": SliceCounts(waiting=0, claimed=1)})
    assert not at_work.others_wait("small")
