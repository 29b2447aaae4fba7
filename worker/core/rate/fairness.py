"""Which job a worker process takes a slice of on at once, and of which it gives one back for it.

A process works on a few slices at a time, and its jobs share the rate by their weights, however many slices
each has in work. So what a job needs for its share is one slice in work, and at once: where all processes are
full of slices of another job, the message for it is found only once one of these ends.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

PATIENCE_MS: Final = 250
"""How long a message may wait in the queue: a free thread of any worker would have taken it by then."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A job's slices, over all workers. Those of a job that is not to be worked on now do not wait."""

    waiting: int
    claimed: int
    longest: int = 0
    """The slice that has waited longest, if any waits."""
    waited_ms: int = 0
    """Since its message was sent."""


class Turn(NamedTuple):
    giver: str
    """The job of which a slice is given back."""
    taker: str
    slice_no: int
    """Of the taker."""


def turns(mine: Sequence[str], jobs: Mapping[str, Standing]) -> list[Turn]:
    """What this process takes on now. `mine`: the job of each slice that it works on, the first begun first.

    A place goes from the job with most slices in work to the one with fewest, where that leaves them more
    even. A job that has none gets one from whichever has had it for longest, once a look: where there are
    more jobs than places they take turns.
    """
    claimed = {job: standing.claimed for job, standing in jobs.items()}
    left = list(mine)
    found: list[Turn] = []
    in_turn = False
    waiting = [job for job, standing in jobs.items() if _is_kept_waiting(standing)]
    for taker in sorted(waiting, key=lambda job: _rank(jobs[job])):
        # Of those that have as many it is the first: it began before the others.
        giver = max((job for job in left if job != taker), key=lambda job: claimed.get(job, 1), default=None)
        if giver is None:
            continue
        evens = claimed.get(giver, 1) - claimed[taker] > 1
        if not evens and (claimed[taker] > 0 or in_turn):
            continue
        in_turn = in_turn or not evens
        found.append(Turn(giver, taker, jobs[taker].longest))
        left.remove(giver)
        claimed[giver] = claimed.get(giver, 1) - 1
    return found


def _is_kept_waiting(standing: Standing) -> bool:
    return standing.waiting > 0 and standing.waited_ms >= PATIENCE_MS


def _rank(standing: Standing) -> tuple[int, int]:
    """The lowest comes first: who has least, and of these who has waited longest."""
    return standing.claimed, -standing.waited_ms
