"""What one process knows of a job beyond its slices: its split probes, and whether it is accepted."""

from worker.core.batches.split import FREE_PROBES
from worker.core.retrying.refusals import Refusals


class JobView:
    """One per job and process, shared by its slices.

    What other processes do is seen with each commit, so the budget may be overdrawn by what they send within
    about 100 ms.
    """

    def __init__(self) -> None:
        self._left = FREE_PROBES
        self._uncommitted = 0
        self.refusals = Refusals()

    def has_split_probes(self) -> bool:
        """Whether the job may still make requests only to find ids at fault."""
        return self._left > self._uncommitted

    def split_probe_sent(self) -> None:
        self._uncommitted += 1

    def committed(self, probes: int, left: int) -> None:
        """The record holds so many more `probes` by now, and knows of `left`."""
        self._uncommitted -= probes
        self._left = left
