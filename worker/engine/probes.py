"""What one process knows of a job beyond its slices: its budget of probes, and whether it is accepted."""

from worker.core.batches.split import FREE_PROBES
from worker.core.retrying.refusals import Refusals


class Probes:
    """One per job and process, shared by its slices.

    Other processes are heard of at each commit, so the budget may be overdrawn by what they send within
    about 100 ms.
    """

    def __init__(self) -> None:
        self._left = FREE_PROBES
        self._uncommitted = 0
        self.refusals = Refusals()

    def left(self) -> bool:
        return self._left > self._uncommitted

    def sent(self) -> None:
        self._uncommitted += 1

    def committed(self, count: int, left: int) -> None:
        """The record holds `count` more by now, and knows of `left`."""
        self._uncommitted -= count
        self._left = left
