"""What somebody spoilt in the record harms one job, is told once, and stops no worker."""

from pathlib import Path

import zstandard
from structlog.testing import capture_logs

from tests.api.standin import stand_in
from tests.api.waiting import until
from tests.engine.fleet import fleet
from tests.engine.jobs import Jobs
from tests.store.spoilt import WAYS, litter, of_wrong_type
from worker.core.batches.slices import Slice, pack
from worker.process.periodic import PeriodicTask
from worker.store import keys


def unreadable() -> list[bytes]:
    """Slices that cannot be read as 30 ids. Made on use: each process of the tests imports this module."""
    bomb = b"1" + zstandard.ZstdCompressor().compress(b"a" * 2**28)
    of_another_size = pack(Slice(("a",), ((1, 1),)))
    no_ids = pack(Slice(tuple(f"id {place}" for place in range(30)), ((1, 30),)))
    return [bomb, b"junk", b"9", of_another_size, no_ids]


async def test_a_slice_that_cannot_be_read_ends_its_job_alone_and_sends_nothing(
    jobs: Jobs, redis_url: str
) -> None:
    async with stand_in() as api, fleet(redis_url, api.url) as workers:
        bad, good = [], jobs.put(60)
        for content in unreadable():
            bad.append(jobs.put(30))
            jobs.client.set(keys.of_slice(bad[-1].job_id, "ids", 0), content)
        workers.start()
        workers.submit(*bad, good)
        await until(lambda: all(jobs.rests(job) for job in (good, *bad)))
        assert set(jobs.outcomes(good).values()) == {"activated"}
        for job in bad:
            report = jobs.report(job)
            assert (report.state, report.state_reason.code) == ("failed", "record_lost")
            assert "slice 0: " in str(report.state_reason.message)
            assert report.counts["not_attempted"] == 30
        assert (await api.stats())["requests"] == 4
        assert workers.problems == []


async def test_workers_look_after_jobs_beside_spoilt_ones_and_say_so_once(
    jobs: Jobs, redis_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "heartbeat"
    async with stand_in() as api, fleet(redis_url, api.url) as workers:
        litter(jobs.client)
        bad = [jobs.put(30) for _ in WAYS]
        for job, spoil in zip(bad, WAYS.values(), strict=True):
            spoil(jobs.client, job.job_id)
        for key in (keys.WORKERS, keys.TOTALS, keys.NOTIFY):
            of_wrong_type(jobs.client, key)
        with capture_logs() as logs:
            workers.start(heartbeat_file=file, retention=0.2)
            for _ in range(3):
                # Nobody sends its message: a sweep does, each time a later one.
                lost = jobs.put(30)
                jobs.client.zadd(keys.job(lost.job_id, "waiting"), {"0": 1})
                await until(lambda lost=lost: jobs.state(lost) in {"completed", ""})  # type: ignore[misc]
        said = [entry["job_id"] for entry in logs if entry["event"] == "cannot sweep job, will try again"]
        assert said
        assert len(said) == len(set(said))
        assert "answers" in file.read_text()
        assert sum(entry["event"] == "cannot show that this worker lives" for entry in logs) == 1


async def test_work_that_raises_comes_round_again_and_is_told_of_once() -> None:
    calls: list[int] = []
    mended: list[bool] = []

    async def work() -> None:
        calls.append(len(calls))
        if not mended:
            raise KeyError("a defect")

    with capture_logs() as logs:
        task = PeriodicTask("the work", work, 0.001)
        await until(lambda: len(calls) > 3)
        assert task.trouble == "the work fails (KeyError)"
        mended.append(True)
        await until(lambda: task.trouble is None)
        await task.close()
    assert [entry["event"] for entry in logs] == ["a periodic task failed, and goes on"]
