"""Finds ids that occur more than once in a list, with eight bytes of memory per unique id.

The first pass keeps a 64-bit hash of every id and finds hashes that occur twice. The second pass compares the
ids with such hashes themselves, so two ids that share a hash by chance are still told apart.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from producers.reading.rows import Duplicate, IdSpan, Malformed, Parsed, Piece

_BUCKETS: Final = 64
"""Parts that hashes are divided into, so that the set made of each part stays small."""
_FIRST_SEARCH: Final = 100_000
"""Hashes kept before the first search for repeated ones."""
_GROWTH: Final = 4
"""Factor by which hashes may grow until the next search: lists that repeat few ids stay small."""


class Hashes:
    """The hashes of all ids so far. Python's own: 64 bits, salted per process (SipHash, PEP 456)."""

    def __init__(self) -> None:
        self._buckets = [array("q") for _ in range(_BUCKETS)]
        self._count = 0
        self._next_search = _FIRST_SEARCH
        self._repeated: set[int] = set()

    def add(self, ids: Sequence[str]) -> None:
        buckets, mask = self._buckets, _BUCKETS - 1
        for hashed in map(hash, ids):
            buckets[hashed & mask].append(hashed)
        self._count += len(ids)
        if self._count >= self._next_search:
            self._find_repeated()
            self._next_search = max(_FIRST_SEARCH, _GROWTH * self._count)

    def repeated(self) -> set[int]:
        """The hashes that occur more than once."""
        self._find_repeated()
        return self._repeated

    def _find_repeated(self) -> None:
        for number, bucket in enumerate(self._buckets):
            once = set(bucket)
            if len(once) < len(bucket):
                self._repeated.update(hashed for hashed, times in Counter(bucket).items() if times > 1)
                self._buckets[number] = array("q", once)
        self._count = sum(map(len, self._buckets))


def without_duplicates(pieces: Iterable[Parsed], repeated: set[int]) -> Iterator[Piece]:
    """The second pass over the same list: yields each id once, and a `Duplicate` for every repetition."""
    first_line: dict[str, int] = {}
    for piece in pieces:
        if isinstance(piece, Malformed) or repeated.isdisjoint(map(hash, piece.ids)):
            yield piece
        else:
            yield from _split(piece, repeated, first_line)


def _split(id_span: IdSpan, repeated: set[int], first_line: dict[str, int]) -> Iterator[Piece]:
    start = 0
    for position, (line, id_) in enumerate(zip(id_span.lines, id_span.ids, strict=True)):
        if hash(id_) in repeated and (first := first_line.setdefault(id_, line)) != line:
            if start < position:
                yield IdSpan(id_span.lines[start:position], id_span.ids[start:position])
            yield Duplicate(line, id_, first)
            start = position + 1
    if start < len(id_span.ids):
        yield IdSpan(id_span.lines[start:], id_span.ids[start:])
