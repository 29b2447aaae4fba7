"""The layout of a slice's outcomes in the store, byte by byte, and how the record of an id is read from it.

    outcomes     one character per id (`outcome.CODES`); absent or short: pending
    batches      8 bytes per batch: attempts 1, HTTP status 2, settled at 5
    reasons      4 bytes per id that has one: index in the slice 2, reason's number 2
    exceptions   10 bytes per id settled apart from its batch: index 2, attempts 1, status 2, settled at 5

Numbers are big-endian and unsigned. 'Settled at' is in milliseconds since the job was created, on the
store's clock. The Lua steps in `worker/store/scripts` write these; the layouts there and here are one.
"""

import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise, repeat
from typing import Final

import msgspec

from worker.core.batches.batch import MAX_BATCH
from worker.core.errors import DamagedRecordError
from worker.core.outcome import AT_REST, BY_CODE, Outcome

_BATCH: Final = struct.Struct(">BHBI")
_REASON: Final = struct.Struct(">HH")
_EXCEPTION: Final = struct.Struct(">HBHBI")
# A time has five bytes, read as one and four: `struct` has no format of five.
_ALIKE: Final = re.compile(r"(.)\1*")
_CODES: Final = "".join(BY_CODE).encode()
_PENDING: Final = Outcome.PENDING
_NOT_ATTEMPTED: Final = Outcome.NOT_ATTEMPTED
# Looked up once: in Python 3.11 each look at a member of an enumeration costs a call.


class LastAttempt(msgspec.Struct, frozen=True):
    """Attempts, HTTP status and time of the last settlement of an id or a batch."""

    attempts: int
    status: int
    settled_ms: int


@dataclass(frozen=True, slots=True)
class Stored:
    """The raw values of one slice, as fetched."""

    outcomes: bytes
    batches: bytes
    reasons: bytes
    exceptions: bytes

    @property
    def is_blank(self) -> bool:
        """Whether nothing was written yet: all ids are pending."""
        return not (self.outcomes or self.batches or self.reasons or self.exceptions)


def check_stored(stored: Stored, count: int) -> Stored:
    """Returns `stored`, of a slice of `count` ids. Raises `DamagedRecordError` if it is no record."""
    whole = (
        len(stored.outcomes) <= count
        and not stored.outcomes.translate(None, _CODES)
        and len(stored.batches) % _BATCH.size == 0
        and len(stored.batches) <= -(-count // MAX_BATCH) * _BATCH.size
        and len(stored.reasons) % _REASON.size == 0
        and len(stored.exceptions) % _EXCEPTION.size == 0
    )
    if not whole:
        raise DamagedRecordError(
            "stored outcomes of a slice are damaged: look for who wrote to Redis, and submit the list again"
        )
    return stored


class Entry(msgspec.Struct, frozen=True):
    """The record of one id."""

    outcome: Outcome
    last_attempt: LastAttempt | None
    reason: int | None
    """Number of the reason in the job's table of reasons; None without one."""


def outcomes_of(stored: bytes, count: int, *, at_rest: bool) -> Iterator[Outcome]:
    """The outcome of each of `count` ids. `at_rest`: pending and ambiguous ids have their final outcome."""
    return map(_outcomes(at_rest=at_rest).__getitem__, _codes(stored, count))


def spans_of(
    stored: Stored, count: int, *, at_rest: bool, cuts: Iterable[int] = ()
) -> Iterator[tuple[int, int, Entry]]:
    """(start, end, entry) of stretches of the slice's `count` ids with equal entries, in order, without gaps.

    An id with a reason has a stretch of its own; no stretch crosses one of `cuts`. Batches with equal records
    are one stretch: a worker settles many in one step, with one time, and rows are made by stretch.
    """
    reasons = dict(_REASON.iter_unpack(stored.reasons))
    apart = {
        index: _last_attempt(*last_attempt)
        for index, *last_attempt in _EXCEPTION.iter_unpack(stored.exceptions)
    }
    needed = -(-count // MAX_BATCH)
    whole = stored.batches[: needed * _BATCH.size]
    batches = [_last_attempt(*last_attempt) for last_attempt in _BATCH.iter_unpack(whole)]
    batches += [None] * (needed - len(batches))
    codes = _codes(stored.outcomes, count)
    singles = {index for index in (*reasons, *apart) if index < count}
    changed = (MAX_BATCH * at for at, (last, this) in enumerate(pairwise(batches), 1) if last != this)
    starts = {*changed, *(found.start() for found in _ALIKE.finditer(codes)), *cuts}
    outcomes = _outcomes(at_rest=at_rest)
    for start, end in pairwise(sorted(starts | singles | {index + 1 for index in singles} | {count})):
        outcome = outcomes[codes[start]]
        last_attempt = batches[start // MAX_BATCH]
        if start in apart:
            last_attempt = _later(apart[start], last_attempt)
        if outcome is _PENDING or outcome is _NOT_ATTEMPTED:
            last_attempt = None
        yield start, end, Entry(outcome, last_attempt, reasons.get(start))


def entries_of(stored: Stored, count: int, *, at_rest: bool) -> Iterator[Entry]:
    """The entry of each of the slice's `count` ids, in order."""
    for start, end, entry in spans_of(stored, count, at_rest=at_rest):
        yield from repeat(entry, end - start)


def _codes(stored: bytes, count: int) -> str:
    return stored.decode("ascii").ljust(count, ".")[:count]


def _outcomes(*, at_rest: bool) -> dict[str, Outcome]:
    return {code: AT_REST.get(outcome, outcome) if at_rest else outcome for code, outcome in BY_CODE.items()}


def _later(exception: LastAttempt | None, whole: LastAttempt | None) -> LastAttempt | None:
    """The later of an id's own settlement and its batch's: ids sent apart may be packed together again."""
    if exception is None or (whole is not None and whole.settled_ms > exception.settled_ms):
        return whole
    return exception


def _last_attempt(attempts: int, status: int, high: int, low: int) -> LastAttempt | None:
    """None where nothing was written, which reads as zeros."""
    return LastAttempt(attempts, status, high << 32 | low) if attempts or status or high or low else None
