"""Which slice a worker process gives back so that a job without one gets its turn."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Standing:
    """A job's slices, over all workers."""

    waiting: int
    claimed: int


def who_yields(mine: Mapping[str, int], jobs: Mapping[str, Standing]) -> str | None:
    """The job of which this process should give a slice back; None where nobody is wronged.

    `mine` counts the slices per job that this process works on. Wronged is a job with fewer slices in work
    than an even share while some of it waits. The largest gives; where none is larger than its share, one
    gives all the same to a job that has nothing, so that every job gets its turn in time.
    """
    at_work = {job: standing for job, standing in jobs.items() if standing.waiting or standing.claimed}
    if not mine or not at_work:
        return None
    share = max(1, sum(standing.claimed for standing in at_work.values()) // len(at_work))
    wronged = [job for job, standing in at_work.items() if standing.waiting and standing.claimed < share]
    if not wronged:
        return None
    giver = max(mine, key=lambda job: (jobs[job].claimed if job in jobs else 0, mine[job], job))
    claimed = jobs[giver].claimed if giver in jobs else 0
    starved = any(jobs[job].claimed == 0 for job in wronged if job != giver)
    return giver if giver not in wronged and (claimed > share or starved) else None
