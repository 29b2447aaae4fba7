"""Which ids of a list stand in it more than once, in eight bytes for each that does not.

Two passes: the first keeps a 64-bit hash of every id and finds those that occur twice; the second looks only
at ids whose hash is one of these, and compares the ids themselves. Two ids that share a hash by chance cost a
look and are still told apart.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from producers.reading.rows import Duplicate, IdSpan, Malformed, Parsed, Piece

_BUCKETS: Final = 64
"""Hashes are looked through in so many parts, so that the sets made for it stay small."""
_FIRST_SEARCH: Final = 100_000
_GROWTH: Final = 4
"""Times as many hashes as after the last look, at the next: lists of few ids, repeated, stay small."""


class Hashes:
    """The hashes met so far. Python's own: 64 bits, salted anew for each process (SipHash, PEP 456)."""

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
        """Those met more than once."""
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
    """The second pass, over the same list: each id once, and a `Duplicate` for each other time."""
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
