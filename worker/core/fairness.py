"""Which job a worker process takes a slice of on at once, and of which it gives one back for it.

A process works on a few slices at a time, and its jobs share the rate by their weights, however many slices
each has in work. So what a job needs for its share is one slice in work, and at once: where all processes are
full of slices of another job, the message for it is found only once one of these ends.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

STARVED_AFTER_MS: Final = 250
"""How long a message may wait in the queue: a free thread of any worker would have taken it by then."""


@dataclass(frozen=True, slots=True)
class SliceCounts:
    """A job's slices, over all workers. Those of a job that is not to be worked on now do not wait."""

    waiting: int
    claimed: int
    oldest_waiting: int = 0
    """The slice that has waited longest, if any waits."""
    waited_ms: int = 0
    """Since its message was sent."""


class Yield(NamedTuple):
    from_job: str
    """The job of which a slice is given back."""
    to_job: str
    slice_no: int
    """Of the taker."""


def slices_to_yield(mine: Sequence[str], jobs: Mapping[str, SliceCounts]) -> list[Yield]:
    """What this process takes on now. `mine`: the job of each slice that it works on, the first begun first.

    A place goes from the job with most slices in work to the one with fewest, where that leaves them more
    even. A job that has none gets one from whichever has had it for longest, once a look: where there are
    more jobs than places they take turns.
    """
    claimed = {job: counts.claimed for job, counts in jobs.items()}
    left = list(mine)
    found: list[Yield] = []
    in_turn = False
    waiting = [job for job, counts in jobs.items() if _is_starved(counts)]
    for to_job in sorted(waiting, key=lambda job: _rank(jobs[job])):
        # Of those that have as many it is the first: it began before the others.
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
    """The lowest comes first: who has least, and of these who has waited longest."""
    return counts.claimed, -counts.waited_ms
