"""Whether a 403 or 404 of the API is confirmed to be a fault of the whole job.

It is confirmed at once where the API has accepted nothing of the job yet. Where it has, one such answer may
come from a node that is behind; a second one some seconds later, with no good answer between, confirms it.
"""

from dataclasses import dataclass
from typing import Final

CONFIRM_AFTER: Final = 3.0
"""Seconds after which the request is sent again, and a second such answer confirms the first."""


@dataclass(slots=True)
class Refusals:
    """One per job and process. Times are in seconds, on any clock that only goes forward."""

    accepted: bool = False
    _since: float | None = None

    def mark_accepted(self) -> None:
        """Notes that the API accepted something of the job at some time, in whichever process."""
        self.accepted = True

    def record_success(self) -> None:
        """Notes that the API has just accepted something of the job."""
        self.accepted = True
        self._since = None

    def is_confirmed(self, now: float) -> bool:
        if not self.accepted:
            return True
        if self._since is None:
            self._since = now
        return now - self._since >= CONFIRM_AFTER
