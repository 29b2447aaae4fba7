"""Whether a 403 or 404 of the API is believed to be the whole job's.

Where the API has accepted nothing of the job yet it is, at once. Where it has, one such answer may come of a
node that is behind, and a second one some seconds later, with no good answer between them, is believed.
"""

from dataclasses import dataclass
from typing import Final

CONFIRM_AFTER: Final = 3.0
"""Seconds after which a request that was refused so is sent again, and a second refusal counts."""


@dataclass(slots=True)
class Refusals:
    """One per job and process. Times are in seconds, on any clock that only goes forward."""

    accepted: bool = False
    _since: float | None = None

    def mark_accepted(self) -> None:
        """The API has accepted something of the job, here or elsewhere, at some time."""
        self.accepted = True

    def record_success(self) -> None:
        """The API has just accepted something of the job."""
        self.accepted = True
        self._since = None

    def is_confirmed(self, now: float) -> bool:
        if not self.accepted:
            return True
        if self._since is None:
            self._since = now
        return now - self._since >= CONFIRM_AFTER
