"""How a refused request is taken apart until each id at fault stands alone.

Halves find one culprit in 15 with 9 requests and two with 15. From the third on, halving costs more than
it saves (29 requests for 15 culprits), so the rest goes one by one.
"""

from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from worker.core.batches.batch import Batch, Settlement
from worker.core.outcome import CODES, Outcome
from worker.core.reason import Reason

HALVED: Final = 2
"""Culprits of a request that are looked for by halves."""

FREE_PROBES: Final = 500
"""Requests that a job may make only to find the ids at fault; one more for each id that it activates. An API
that refuses everything is then asked little more than once a batch; one that works pays for ten culprits
in a hundred ids."""


_UNSAID: Final = Reason("REFUSED")
_NO_SUCCESS: Final = 300
"""The first HTTP status that is none."""
_ACTIVATED: Final = CODES[Outcome.ACTIVATED]


@dataclass(slots=True)
class Parts:
    """A batch and what it is taken into, in the order in which they are to be sent."""

    waiting: list[Batch]
    culprits: int = 0
    why: Reason = _UNSAID
    """Of the last refusal."""
    _halves: tuple[Batch, ...] = ()
    """Of what was taken apart last."""

    def take(self) -> Batch | None:
        return self.waiting.pop(0) if self.waiting else None

    def take_scout(self, part: Batch) -> Batch:
        """The first id of `part`, to go alone; the others wait for what becomes of it."""
        self.waiting.insert(0, part.part(range(1, len(part.ids))))
        return part.part([0])

    def split(self, part: Batch, why: Reason) -> None:
        """`part`, of several ids, holds one at fault."""
        self.why = why
        one_by_one = self.culprits >= HALVED
        if one_by_one:
            self.waiting = [single for waiting in self.waiting for single in waiting.singles()]
        pieces = part.singles() if one_by_one else part.halves()
        # Each begins anew: what the whole met says that one of them is at fault, and not which.
        new = [
            replace(
                piece,
                split_probe=True,
                isolated=True,
                errors=0,
                unattributed_errors=0,
                intercepted=0,
                pending_charges=(),
                pending_errors=(),
            )
            for piece in pieces
        ]
        self._halves = () if one_by_one else tuple(new)
        self.waiting = [*new, *self.waiting]

    def has_split_probes(self) -> bool:
        """Whether something waits that is sent only because of a split."""
        return any(part.split_probe for part in self.waiting)

    def record(self, settlement: Settlement) -> None:
        """What an answer made of a part: an id that was refused alone is a culprit."""
        alone = len(settlement.batch.ids) == 1
        self.culprits += alone and settlement.status >= _NO_SUCCESS
        if self._halves and settlement.batch.indices == self._halves[0].indices:
            first, second = self._halves
            self._halves = ()
            if settlement.codes == _ACTIVATED * len(first.ids) and self.waiting[:1] == [second]:
                # Then it can only be in the other half.
                self.waiting[0] = replace(second, errors=1, others_succeeded=True)

    def give_up_probes(self) -> list[Settlement]:
        """No probe is left: what still waits may hold an id at fault, and is `unknown`."""
        probes = [part for part in self.waiting if part.split_probe]
        self.waiting = [part for part in self.waiting if not part.split_probe]
        return [_unsplit(part, self.why) for part in probes]


def _unsplit(batch: Batch, why: Reason) -> Settlement:
    text = "A request with this id was refused; no probe was left to find the id at fault."
    reason = Reason("PROBES_SPENT", f"{text} {why.message}".strip(), why.status)
    positions = range(len(batch.ids))
    return Settlement(
        batch,
        CODES[Outcome.UNKNOWN] * len(positions),
        why.status,
        tuple((position, reason) for position in positions),
    )
