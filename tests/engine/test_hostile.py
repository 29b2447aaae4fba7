"""Every fault that the simulator knows, at once, and two workers: each id ends as the API's own record says.

`python -m tests.benchmarks.hostile` does the same with processes and 100,000 ids.
"""

from typing import Any

from tests.api.standin import stand_in
from tests.api.waiting import until
from tests.benchmarks.hostile import REFUSED, cost, differences
from tests.engine.fleet import fleet
from tests.engine.jobs import Jobs
from worker.core.job import Control
from worker.reports.recount import recount
from worker.simulator.faults import NAMES

MOST_UNLUCKY = 2
"""Active ids that made-up refusals alone may have left unknown: three in a row, each of 6 %, strike one id in
5,000 that stands alone in doubt, and some 100 of the 3,000 do."""


async def test_every_id_ends_as_the_api_says(jobs: Jobs, redis_url: str) -> None:
    share = 0.02
    world: dict[str, Any] = {
        "fail": share,
        "active": share,
        "poison": share,
        "faults": dict.fromkeys(NAMES, 0.01),
    }
    async with stand_in(seed=11, **world) as api, fleet(redis_url, api.url) as workers:
        for _ in range(2):
            # Well above what a busy machine takes to answer: else it adds faults of its own.
            workers.start(request_timeout=3.0, max_attempts=12)
        job = jobs.put(3000, per_slice=750)
        workers.submit(job)

        def rests() -> bool:
            # Two 401s in a row pause a job; a person stands by and resumes it.
            if jobs.state(job) == "paused":
                workers.send(job.job_id, jobs.control(job, Control.RESUME))
            return jobs.rests(job)

        await until(rests, deadline=120)
        stats, entries = await api.stats(), await api.world()
        assert stats["by_fault"].keys() == NAMES
        rows: list[dict[str, Any]] = [
            {"id": name, "outcome": row.outcome, "reason": row.reason, "http_status": row.http_status}
            for name, row in jobs.rows(job).items()
        ]
        assert differences(rows, entries) == {}
        # Three refusals in a row are a poisoned id's mark: a sound one meets them by ill luck only.
        unknown = [row for row in rows if row["outcome"] == "unknown" and row["http_status"] in REFUSED]
        assert sum(entries[row["id"]]["active"] for row in unknown) <= MOST_UNLUCKY
        assert recount(jobs.store, job.job_id).differences == []
        requests = jobs.report(job).requests
        assert cost({"requests": requests}, stats, len(job.ids))["within_a_quarter"]
        assert requests["sent"] == stats["requests"]
        assert jobs.balances(job)
