"""The record against the API's own word."""

from tests.api.standin import StandIn
from tests.engine.jobs import Job, Jobs
from worker.core.reason import RESOLVED_ACTIVE


async def agrees(jobs: Jobs, job: Job, api: StandIn) -> None:
    """The record says of each id what the API's side has of it."""
    world = await api.world()
    rows = jobs.rows(job)
    assert rows.keys() == set(job.ids)
    for name, row in rows.items():
        line = world[name]
        ours_by_repeat = row.reason == RESOLVED_ACTIVE.name
        assert line["admitted"] > 1 or not ours_by_repeat
        if line["was_active"]:
            # With its first answer lost, nobody can tell it from one that we activated.
            assert row.outcome == ("activated" if ours_by_repeat else "already_active")
        else:
            assert row.outcome == ("activated" if line["active"] else "failed")
    assert jobs.balances(job)
