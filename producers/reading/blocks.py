"""Cuts a stream of bytes into blocks of whole lines, in bounded memory."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

MAX_LINE = 64 * 1024
"""Bytes of a line without its end, and of a CSV record, at most. A longer line is malformed."""

_BOM = b"\xef\xbb\xbf"


class Block(NamedTuple):
    """Whole lines of at most `MAX_LINE` bytes together, plus one line end."""

    first: int
    """Physical number of the first line, from 1."""
    data: bytes
    """The lines. Each ends with a line feed, except perhaps the last of the stream; CRLF has become LF."""


class Overlong(NamedTuple):
    """A line longer than `MAX_LINE`; its content is dropped."""

    line: int


def blocks(chunks: Iterable[bytes]) -> Iterator[Block | Overlong]:
    """Cuts the stream made of `chunks` into blocks, without byte order marks at the start of lines."""
    cutter = _Cutter()
    for chunk in chunks:
        yield from cutter.feed(chunk)
    yield from cutter.end()


class _Cutter:
    def __init__(self) -> None:
        self._line = 1
        self._rest = b""
        self._skipping = False

    def feed(self, chunk: bytes) -> Iterator[Block | Overlong]:
        if self._skipping:
            _, line_feed, chunk = chunk.partition(b"\n")
            self._skipping = not line_feed
        data = self._rest + chunk
        start = 0
        while len(data) - start > MAX_LINE:
            end = data.rfind(b"\n", start, start + MAX_LINE + 1) + 1
            if end:
                yield self._block(data[start:end])
            else:
                yield self._overlong()
                end = data.find(b"\n", start + MAX_LINE) + 1
                self._skipping = not end
                end = end or len(data)
            start = end
        self._rest = data[start:]

    def end(self) -> Iterator[Block]:
        if self._rest:
            yield self._block(self._rest)

    def _block(self, data: bytes) -> Block:
        first = self._line
        self._line += data.count(b"\n")
        if not data.isascii() and _BOM in data:
            # Files joined by `cat` have one at the start of each.
            data = data.removeprefix(_BOM).replace(b"\n" + _BOM, b"\n")
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n")
        return Block(first, data)

    def _overlong(self) -> Overlong:
        self._line += 1
        return Overlong(self._line - 1)
