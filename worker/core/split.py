"""How a refused request is taken apart until each id at fault stands alone.

Halves find one culprit in 15 with 9 requests and two with 15. From the third on, halving costs more than
it saves (29 requests for 15 culprits), so the rest goes one by one.
"""

from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from worker.core.batch import Batch, Settlement
from worker.core.outcome import CODES, Outcome
from worker.core.reason import Reason

HALVED: Final = 2
"""Culprits of a request that are looked for by halves."""

FREE_PROBES: Final = 500
"""Requests that a job may make only to find the ids at fault; one more for each id that it activates. An API
that refuses everything is then asked little more than once a batch; one that works pays for ten culprits
in a hundred ids."""


_UNSAID: Final = Reason("REFUSED")


@dataclass(slots=True)
class Parts:
    """A batch and what it is taken into, in the order in which they are to be sent."""

    waiting: list[Batch]
    culprits: int = 0
    why: Reason = _UNSAID
    """Of the last refusal."""

    def take(self) -> Batch | None:
        return self.waiting.pop(0) if self.waiting else None

    def refused(self, part: Batch, why: Reason) -> None:
        """`part`, of several ids, holds one at fault."""
        self.why = why
        one_by_one = self.culprits >= HALVED
        if one_by_one:
            self.waiting = [single for waiting in self.waiting for single in waiting.singles()]
        pieces = part.singles() if one_by_one else part.halves()
        self.waiting = [*(replace(piece, probe=True, apart=True) for piece in pieces), *self.waiting]

    def known(self, settlement: Settlement) -> None:
        """What an answer made of a part: an id that was refused alone is a culprit."""
        alone = len(settlement.batch.ids) == 1
        self.culprits += alone and settlement.status >= 300  # noqa: PLR2004 -- the first that is no success.

    def give_up(self) -> list[Settlement]:
        """No probe is left: what still waits may hold an id at fault, and is `unknown`."""
        waiting, self.waiting = self.waiting, []
        return [_unsplit(part, self.why) for part in waiting]


def _unsplit(batch: Batch, why: Reason) -> Settlement:
    text = "A request with this id was refused; no probe was left to find the id at fault."
    reason = Reason("PROBES_SPENT", f"{text} {why.message}".strip(), why.status)
    places = range(len(batch.ids))
    return Settlement(
        batch, CODES[Outcome.UNKNOWN] * len(places), why.status, tuple((place, reason) for place in places)
    )
