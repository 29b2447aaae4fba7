"""Which ids travel together: how a slice is cut into requests, and how ids to be sent again are packed.

Suspects (ids whose answer was lost) go with suspects, in full requests; healthy ids go first and never wait
for them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from worker.core.batch import MAX_BATCH, Batch
from worker.core.outcome import FINAL, Outcome
from worker.core.record import Entry


def cut(ids: Sequence[str], entries: Iterable[Entry]) -> tuple[list[Batch], list[Batch]]:
    """What is left of a slice, as requests: those of healthy ids, then those of suspects.

    A slice's fixed batch is the ids at 15k to 15k + 14. Healthy ids keep to it, so that one settled whole
    has one place in the record; suspects do where a whole fixed batch is suspect.
    """
    groups: dict[tuple[int, bool], list[Batch]] = {}
    for index, entry in enumerate(entries):
        if entry.outcome not in FINAL:
            suspect = entry.outcome is Outcome.AMBIGUOUS
            attempts = entry.trial.attempts if entry.trial else 0
            one = Batch((ids[index],), (index,), (suspect,), (attempts,))
            groups.setdefault((index // MAX_BATCH, suspect), []).append(one)
    healthy = [joined(group) for (_, suspect), group in groups.items() if not suspect]
    suspects = [joined(group) for (_, suspect), group in groups.items() if suspect]
    whole = [batch for batch in suspects if len(batch.ids) == MAX_BATCH]
    pool = Pool([batch for batch in suspects if len(batch.ids) < MAX_BATCH])
    return healthy, [*whole, *pool.full(), *pool.rest()]


def joined(pieces: Sequence[Batch]) -> Batch:
    """One batch of all ids in `pieces`, for which nothing is owed. What one met, all are said to have met."""
    witnessed = [piece.witnessed for piece in pieces if piece.witnessed is not None]
    return replace(
        pieces[0],
        ids=tuple(chain.from_iterable(piece.ids for piece in pieces)),
        indices=tuple(chain.from_iterable(piece.indices for piece in pieces)),
        ambiguous=tuple(chain.from_iterable(piece.ambiguous for piece in pieces)),
        attempts=tuple(chain.from_iterable(piece.attempts for piece in pieces)),
        errors=max(piece.errors for piece in pieces),
        witnessed=min(witnessed, default=None),
    )


def may_be_packed(batch: Batch) -> bool:
    """Whether its ids may share a request with other suspects.

    A whole request gains nothing by it; what was taken apart, or is still owed for, goes on its own.
    """
    return len(batch.ids) < MAX_BATCH and all(batch.ambiguous) and not batch.apart and not batch.owed


@dataclass(slots=True)
class Pool:
    """Pieces of batches that wait to be sent again together."""

    pieces: list[Batch] = field(default_factory=list)

    def add(self, piece: Batch) -> None:
        self.pieces.append(piece)

    def full(self) -> list[Batch]:
        """Takes out what fills requests, in the order that it came. A piece may end up in two of them."""
        batches = []
        while sum(len(piece.ids) for piece in self.pieces) >= MAX_BATCH:
            batches.append(self._take())
        return batches

    def rest(self) -> list[Batch]:
        """Takes out what is left, which fills no request."""
        return [self._take()] if self.pieces else []

    def _take(self) -> Batch:
        taken: list[Batch] = []
        room = MAX_BATCH
        while self.pieces and room:
            piece = self.pieces.pop(0)
            size = len(piece.ids)
            if size > room:
                self.pieces.insert(0, piece.part(range(room, size)))
                piece = piece.part(range(room))
            taken.append(piece)
            room -= len(piece.ids)
        return joined(taken)
