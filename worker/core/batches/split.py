"""How a rejected request is split until each id at fault is sent alone.

Halves find one culprit in 15 with 9 requests and two with 15. From the third on, halving costs more than
it saves (29 requests for 15 culprits), so the rest goes one by one.
"""

from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from worker.core.batches.batch import Batch, Settlement, settle_alike
from worker.core.outcome import CODES, Outcome
from worker.core.reason import Reason

HALVED: Final = 2
"""Ids at fault in a request that are found by halving; after them its ids are sent one by one."""

FREE_PROBES: Final = 500
"""Requests (probes) that a job may make only to find ids at fault; one more for each id that it activates. An
API that rejects everything then gets little more than one request per batch; one that works, enough probes
for ten ids at fault in a hundred."""


_UNSAID: Final = Reason("REFUSED")
_NO_SUCCESS: Final = 300
"""The lowest HTTP status that is no success."""
_ACTIVATED: Final = CODES[Outcome.ACTIVATED]


@dataclass(slots=True)
class Parts:
    """The parts of a batch that wait to be sent, in that order."""

    waiting: list[Batch]
    culprits: int = 0
    why: Reason = _UNSAID
    """Reason of the last rejection."""
    _halves: tuple[Batch, ...] = ()
    """The two halves of the last split, until the first is answered."""

    def take(self) -> Batch | None:
        return self.waiting.pop(0) if self.waiting else None

    def take_scout(self, part: Batch) -> Batch:
        """The first id of `part`, to be sent alone; the others wait for the answer."""
        self.waiting.insert(0, part.part(range(1, len(part.ids))))
        return part.part([0])

    def split(self, part: Batch, why: Reason) -> None:
        """Splits `part`, of which one id is at fault: in halves first, then into single ids."""
        self.why = why
        one_by_one = self.culprits >= HALVED
        if one_by_one:
            self.waiting = [single for waiting in self.waiting for single in waiting.singles()]
        pieces = part.singles() if one_by_one else part.halves()
        # Each begins anew: the failures of the whole do not say which id is at fault.
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
        """Whether a part waits that is sent only because of a split."""
        return any(part.split_probe for part in self.waiting)

    def record(self, settlement: Settlement) -> None:
        """Takes note of the settlement of a part: a single id that was rejected is at fault."""
        single = len(settlement.batch.ids) == 1
        self.culprits += single and settlement.status >= _NO_SUCCESS
        if self._halves and settlement.batch.indices == self._halves[0].indices:
            first, second = self._halves
            self._halves = ()
            if settlement.codes == _ACTIVATED * len(first.ids) and self.waiting[:1] == [second]:
                # So the id at fault can only be in the other half.
                self.waiting[0] = replace(second, errors=1, others_succeeded=True)

    def give_up_probes(self) -> list[Settlement]:
        """Settles the probes that wait as `unknown`, since no probe is left to find the id at fault."""
        probes = [part for part in self.waiting if part.split_probe]
        self.waiting = [part for part in self.waiting if not part.split_probe]
        return [_unsplit(part, self.why) for part in probes]


def _unsplit(batch: Batch, why: Reason) -> Settlement:
    text = "A request with this id was refused; no probe was left to find the id at fault."
    reason = Reason("PROBES_SPENT", f"{text} {why.message}".strip(), why.status)
    return settle_alike(batch, Outcome.UNKNOWN, reason)
