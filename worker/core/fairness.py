"""Which slices a worker process yields, so that slices of other jobs are worked on at once.

A process works on a few slices at a time, and its jobs share the rate by their weights, however many slices
of each are claimed. So one claimed slice is enough for a job's share; but where all processes are full of
slices of another job, nobody takes the message for it until one of these ends.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

STARVED_AFTER_MS: Final = 250
"""Milliseconds in the queue after which no worker has a free thread for a message: one would have taken
it."""


@dataclass(frozen=True, slots=True)
class SliceCounts:
    """The slices of a job, over all workers; none waits where the job is not to be worked on now."""

    waiting: int
    claimed: int
    oldest_waiting: int = 0
    """Number of the slice that has waited longest, if any waits."""
    waited_ms: int = 0
    """Milliseconds since its message was sent."""


class Yield(NamedTuple):
    from_job: str
    """Job of which a slice is given back."""
    to_job: str
    slice_no: int
    """Slice of `to_job` that is claimed instead."""


def slices_to_yield(mine: Sequence[str], jobs: Mapping[str, SliceCounts]) -> list[Yield]:
    """The slices that this process yields now. `mine`: the job of each of its slices, the oldest claim first.

    The job with most claimed slices yields to the one with fewest, where that makes the two more even. A job
    without any gets one from the job that has held one longest, once per call: where there are more jobs than
    slices in work, they take turns.
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
