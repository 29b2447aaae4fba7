"""The ids of one request, with what is known of each of them from earlier requests."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from worker.core.reason import Reason

MAX_BATCH: Final = 15
"""Ids in a request: the API's documented limit."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Up to `MAX_BATCH` ids to be sent together. `ids`, `indices` and `ambiguous` run in step."""

    ids: tuple[str, ...]
    indices: tuple[int, ...]
    """The place of each id in the slice."""
    ambiguous: tuple[bool, ...]
    """True for an id that was sent before and whose answer was lost."""
    attempts: int = 0
    """Requests charged against the limit of attempts."""
    throttles: int = 0
    """429s in a row; charged to nobody."""
    unreached: int = 0
    """Times in a row that no connection was to be had; charged to nobody."""
    renewals: int = 0
    """Times that a 401 made the access token be renewed for it."""

    def __post_init__(self) -> None:
        assert 0 < len(self.ids) <= MAX_BATCH
        assert len(self.ids) == len(self.indices) == len(self.ambiguous)

    def charged(self) -> "Batch":
        return replace(self, attempts=self.attempts + 1, throttles=0, unreached=0, renewals=0)

    def throttled(self) -> "Batch":
        return replace(self, throttles=self.throttles + 1)

    def unreached_once(self) -> "Batch":
        return replace(self, unreached=self.unreached + 1)

    def renewed(self) -> "Batch":
        return replace(self, renewals=self.renewals + 1)

    def lost(self) -> "Batch":
        """The same ids, each now known to have been sent without an answer."""
        return replace(self, ambiguous=(True,) * len(self.ids))

    def part(self, places: Sequence[int]) -> "Batch":
        """The ids at `places`, with the attempts of the whole."""
        return replace(
            self,
            ids=tuple(self.ids[place] for place in places),
            indices=tuple(self.indices[place] for place in places),
            ambiguous=tuple(self.ambiguous[place] for place in places),
        )

    def halves(self) -> tuple["Batch", "Batch"]:
        middle = (len(self.ids) + 1) // 2
        return self.part(range(middle)), self.part(range(middle, len(self.ids)))


@dataclass(frozen=True, slots=True)
class Settlement:
    """What one answer made of the ids of a batch; the unit that is written to the record."""

    batch: Batch
    codes: str
    """One outcome character per id of the batch, in step with `batch.ids`; see `outcome.CODES`."""
    status: int
    """HTTP status of the answer; 0 where there was none."""
    reasons: tuple[tuple[int, Reason], ...] = ()
    """(place in the batch, reason) for each id of which there is more to say than its outcome."""


def cut(ids: Sequence[str], unsettled: Sequence[int], ambiguous: Sequence[bool]) -> list[Batch]:
    """Cuts the unsettled ids of a slice into requests along its fixed batches of `MAX_BATCH`.

    A slice's batch is the ids at 15k to 15k + 14, so that a batch met again after a crash has the same
    place in the record; ids settled before are left out of it.
    """
    groups: dict[int, list[int]] = {}
    for index in unsettled:
        groups.setdefault(index // MAX_BATCH, []).append(index)
    return [
        Batch(
            ids=tuple(ids[index] for index in group),
            indices=tuple(group),
            ambiguous=tuple(ambiguous[index] for index in group),
        )
        for group in groups.values()
    ]
