"""Which ids share a request: how a slice is cut into batches, and how ids to be sent again are packed.

Suspects, which are ambiguous ids, are packed with suspects, into full requests: one that spoils its request
then spoils it for no healthy id. Healthy ids, which are pending, are sent first and never wait for suspects.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from msgspec.structs import replace

from worker.core.batches.batch import MAX_BATCH, Batch
from worker.core.batches.record import Entry
from worker.core.outcome import Outcome

_PENDING: Final = Outcome.PENDING
_AMBIGUOUS: Final = Outcome.AMBIGUOUS
# Looked up once, as in `record`.
_SOUND: Final = (False,) * MAX_BATCH
_NEVER: Final = (0,) * MAX_BATCH


def cut(ids: Sequence[str], entries: Iterable[Entry]) -> tuple[list[Batch], list[Batch]]:
    """The unsettled ids of a slice as batches: batches of healthy ids, and batches of suspects.

    A slice is divided into fixed batches of `MAX_BATCH` ids, from its first id on. Healthy ids stay in their
    fixed batch, so that a batch that is settled whole has one entry in the record. Suspects stay in theirs
    where all of its ids are suspects.
    """
    healthy: list[Batch] = []
    suspects: list[Batch] = []
    known = list(entries)
    for first in range(0, len(known), MAX_BATCH):
        fixed = known[first : first + MAX_BATCH]
        if _is_untouched(fixed):
            healthy.append(_untouched(ids[first : first + MAX_BATCH], first))
            continue
        sound: list[int] = []
        in_doubt: list[int] = []
        for index, entry in enumerate(fixed, first):
            if entry.outcome is _PENDING:
                sound.append(index)
            elif entry.outcome is _AMBIGUOUS:
                in_doubt.append(index)
        if sound:
            healthy.append(_batch(ids, known, sound, suspect=False))
        if in_doubt:
            suspects.append(_batch(ids, known, in_doubt, suspect=True))
    whole = [batch for batch in suspects if len(batch.ids) == MAX_BATCH]
    pool = Pool([batch for batch in suspects if len(batch.ids) < MAX_BATCH])
    return healthy, [*whole, *pool.full(), *pool.rest()]


def fixed_batches(ids: Sequence[str]) -> list[Batch]:
    """A slice of which nothing is recorded, in its fixed batches."""
    return [_untouched(ids[first : first + MAX_BATCH], first) for first in range(0, len(ids), MAX_BATCH)]


def _is_untouched(entries: Sequence[Entry]) -> bool:
    first = entries[0]
    # Ids with the same record share one entry object: comparing them is comparing identities.
    return first.outcome is _PENDING and first.last_attempt is None and entries.count(first) == len(entries)


def _untouched(ids: Sequence[str], first: int) -> Batch:
    """As `_batch`, only faster: for a whole fixed batch that was never sent, as nearly all are."""
    size = len(ids)
    return Batch(tuple(ids), tuple(range(first, first + size)), _SOUND[:size], _NEVER[:size])


def _batch(ids: Sequence[str], known: Sequence[Entry], indices: Sequence[int], *, suspect: bool) -> Batch:
    last_attempts = [known[index].last_attempt for index in indices]
    return Batch(
        tuple([ids[index] for index in indices]),
        tuple(indices),
        (suspect,) * len(indices),
        tuple([last_attempt.attempts if last_attempt else 0 for last_attempt in last_attempts]),
    )


def joined(pieces: Sequence[Batch]) -> Batch:
    """One batch of all ids in `pieces`, none with pending charges; a failure of one piece counts for all."""
    successes_at_failure = [
        piece.successes_at_failure for piece in pieces if piece.successes_at_failure is not None
    ]
    return replace(
        pieces[0],
        ids=tuple(chain.from_iterable(piece.ids for piece in pieces)),
        indices=tuple(chain.from_iterable(piece.indices for piece in pieces)),
        ambiguous=tuple(chain.from_iterable(piece.ambiguous for piece in pieces)),
        attempts=tuple(chain.from_iterable(piece.attempts for piece in pieces)),
        errors=max(piece.errors for piece in pieces),
        unattributed_errors=max(piece.unattributed_errors for piece in pieces),
        successes_at_failure=max(successes_at_failure, default=None),
        others_succeeded=all(piece.others_succeeded for piece in pieces),
    )


def may_be_packed(batch: Batch) -> bool:
    """Whether the ids of `batch` may share a request with other suspects.

    A full batch may not, since nothing is gained; nor may ids that were split off, have pending charges, or
    repeat a request whose access token was rejected.
    """
    return (
        len(batch.ids) < MAX_BATCH
        and all(batch.ambiguous)
        and not (batch.isolated or batch.pending_charges or batch.pending_errors or batch.renewals)
    )


@dataclass(slots=True)
class Pool:
    """Pieces of batches that wait to be sent again together."""

    pieces: list[Batch] = field(default_factory=list)

    def add(self, piece: Batch) -> None:
        self.pieces.append(piece)

    def full(self) -> list[Batch]:
        """Removes and returns full batches, in order of arrival. A piece may be divided between two."""
        batches = []
        while sum(len(piece.ids) for piece in self.pieces) >= MAX_BATCH:
            batches.append(self._take())
        return batches

    def rest(self) -> list[Batch]:
        """Removes and returns the last batch, which is not full."""
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
