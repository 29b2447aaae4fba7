"""Decides which slices a worker process gives back in favour of jobs that no worker works on.

A process works on a few slices at a time. Its jobs share the rate by their weights, however many slices of
each are claimed, so one claimed slice is enough for a job to get its share. But if all processes are busy
with slices of another job, a message for this job waits until one of those slices is done.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

STARVED_AFTER_MS: Final = 250
"""Milliseconds in the queue after which a message counts as starved: a worker with a free thread would have
taken it."""


@dataclass(frozen=True, slots=True)
class SliceCounts:
    """Numbers of a job's slices over all workers; none waits while the job is paused or at rest."""

    waiting: int
    claimed: int
    oldest_waiting: int = 0
    """Number of the slice that has waited longest; meaningless if none waits."""
    waited_ms: int = 0
    """Milliseconds since the message for that slice was sent."""


class Yield(NamedTuple):
    from_job: str
    """The job that gives back a slice."""
    to_job: str
    slice_no: int
    """Slice of `to_job` that is claimed instead."""


def slices_to_yield(mine: Sequence[str], jobs: Mapping[str, SliceCounts]) -> list[Yield]:
    """The slices that this process gives back now. `mine`: job of each of its slices, the oldest claim first.

    The job with the most claimed slices yields to the one with the fewest, if that makes the two more even.
    Otherwise a job without a claimed slice gets one from the oldest claim, once per call, so that jobs take
    turns if there are more of them than slices in work.
    """
    claimed = {job: counts.claimed for job, counts in jobs.items()}
    left = list(mine)
    found: list[Yield] = []
    in_turn = False
    waiting = [job for job, counts in jobs.items() if _is_starved(counts)]
    for to_job in sorted(waiting, key=lambda job: _rank(jobs[job])):
        # `max` takes the first of equals: the oldest claim.
        from_job = max(
            (job for job in left if job != to_job), key=lambda job: claimed.get(job, 1), default=None
        )
        if from_job is None:
            continue
        evens = claimed.get(from_job, 1) - claimed[to_job] > 1
        if not evens and (claimed[to_job] > 0 or in_turn):
            continue
        in_turn = in_turn or not evens
        found.append(Yield(from_job, to_job, jobs[to_job].oldest_waiting))
        left.remove(from_job)
        claimed[from_job] = claimed.get(from_job, 1) - 1
    return found


def _is_starved(counts: SliceCounts) -> bool:
    return counts.waiting > 0 and counts.waited_ms >= STARVED_AFTER_MS


def _rank(counts: SliceCounts) -> tuple[int, int]:
    """Sort key: fewest claimed slices first, of equals the one that has waited longest."""
    return counts.claimed, -counts.waited_ms
