r"""How a slice of ids is packed for the store, with the line of the input that each came from.

    line ranges, e.g. 2+2880 or 1+5,8+3     (first line + count of consecutive lines)
    \n
    ids, joined by \n

compressed with Zstandard, level 1, behind one byte that names the format. GUIDs take about 19 bytes each.
An id holds no white space, so \n is a safe separator.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from worker.core.batches.batch import MAX_BATCH
from worker.core.bounded import compressed, decompressed
from worker.core.errors import DamagedRecordError
from worker.core.ids import MAX_ID_LENGTH, are_plain, malformed

BATCHES: Final = 192
IDS: Final = BATCHES * MAX_BATCH
"""Ids in a slice. 2,880 GUIDs pack into 55.6 KB, just under an allocator class of 56 KiB (jemalloc's classes
there are 48, 56 and 64 KiB); smaller slices cost more per key, larger ones stay longer with one worker."""

_FORMAT: Final = b"1"

_MAX_BYTES: Final = IDS * (4 * MAX_ID_LENGTH + 1) + 64 * IDS
"""Maximum bytes of an unpacked slice: ids of the greatest length, each with a line range of its own."""


@dataclass(frozen=True, slots=True)
class Slice:
    ids: tuple[str, ...]
    line_ranges: tuple[tuple[int, int], ...]
    """(first line, count): the lines of the ids in the input, as ranges of consecutive lines."""

    def lines(self) -> Iterator[int]:
        return chain.from_iterable(range(first, first + count) for first, count in self.line_ranges)


def line_ranges_of(lines: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """`lines`, ascending, as (first, count) ranges of consecutive numbers."""
    if lines and lines[-1] - lines[0] == len(lines) - 1:
        return ((lines[0], len(lines)),)
    line_ranges: list[tuple[int, int]] = []
    first = previous = None
    for line in lines:
        if first is None or previous is None or line != previous + 1:
            if first is not None and previous is not None:
                line_ranges.append((first, previous - first + 1))
            first = line
        previous = line
    if first is not None and previous is not None:
        line_ranges.append((first, previous - first + 1))
    return tuple(line_ranges)


def pack(part: Slice) -> bytes:
    head = ",".join(f"{first}+{count}" for first, count in part.line_ranges)
    text = "\n".join((head, *part.ids)).encode()
    return _FORMAT + compressed(text)


def holds_any(blob: bytes, ids: Iterable[str]) -> bool:
    """Whether one of `ids` is in a slice, far quicker than unpacking it. Raises as `unpack` does."""
    text = _text(blob) + b"\n"
    return any(f"\n{id_}\n".encode() in text for id_ in ids)


def unpack(blob: bytes, expected: int | None = None) -> Slice:
    """The slice that `pack` made. `expected`: the number of its ids by the job's record.

    Raises `DamagedRecordError` where `blob` has a format that this version does not know, or is damaged.
    """
    try:
        head, *ids = _text(blob).decode().split("\n")
        line_ranges = tuple((int(first), int(count)) for first, count in _pairs(head))
    except ValueError as error:
        raise _not_whole("its text cannot be read") from error
    if any(first < 1 or count < 1 for first, count in line_ranges) or sum(
        count for _, count in line_ranges
    ) != len(ids):
        raise _not_whole(f"its lines are not those of {len(ids)} ids")
    if expected is not None and len(ids) != expected:
        raise _not_whole(f"it has {len(ids)} ids, and its job says {expected}")
    return Slice(tuple(ids), line_ranges)


def check_ids(part: Slice) -> None:
    """Checks a slice before its ids are sent. Raises `DamagedRecordError` for a text that cannot be an id."""
    if are_plain(part.ids):
        return
    for position, token_id in enumerate(part.ids):
        if (why := malformed(token_id)) is not None:
            raise _not_whole(f"its id {position + 1} is none ({why})")


def _pairs(head: str) -> list[list[str]]:
    return [line_range.split("+", 1) for line_range in head.split(",")] if head else []


def _not_whole(what: str) -> DamagedRecordError:
    return DamagedRecordError(
        f"a stored slice is damaged: {what}; look for who wrote to Redis, and submit the list again"
    )


def _text(blob: bytes) -> bytes:
    if blob[:1] != _FORMAT:
        raise DamagedRecordError(
            f"a stored slice has format {blob[:1]!r}, this version reads {_FORMAT!r}:"
            " use the version that wrote it, or submit the list again"
        )
    return decompressed(blob[1:], _MAX_BYTES)
