"""Reads the records of a CSV with their line numbers. A broken record costs its own lines, not the file."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Self

from producers.reading.blocks import MAX_LINE, Block, Overlong

Record = tuple[int, list[str] | str]
"""First physical line and cells of a record; for each line of a broken record, the reason."""


class NonTextCell(str):
    """A cell of another type than text, in its text form. It cannot be an id; `why` says so."""

    __slots__ = ("why",)

    def __new__(cls, shown: str, why: str) -> Self:
        cell = super().__new__(cls, shown)
        cell.why = why
        return cell

    why: str


def csv_records(blocks: Iterable[Block | Overlong], delimiter: str) -> Iterator[Record]:
    """Yields the records without empty lines. Bytes that are not UTF-8 become lone surrogates (PEP 383),
    which matter only inside an id.

    A broken record ends where the parser gave up: at a character after a closing quote, at the end of the
    file, or after `MAX_LINE` bytes with an open quote. Its lines are not parsed again one by one: text from
    the middle of a cell could pass for an id.
    """
    feed = _Feed(blocks)
    reader = csv.reader(feed, delimiter=delimiter, strict=True, skipinitialspace=True)
    while True:
        try:
            for cells in reader:
                if cells:
                    yield feed.first, cells
                feed.next_record()
        except csv.Error:
            yield from feed.broken(feed.fault or "not valid CSV: a quote or carriage return out of place")
            feed.next_record()
        else:
            return


class _Feed:
    """Feeds physical lines to the parser and tracks which of them belong to the current record."""

    def __init__(self, blocks: Iterable[Block | Overlong]) -> None:
        self._blocks = iter(blocks)
        self._lines: Iterator[str] = iter(())
        self._size = 0
        self._line = 0
        self.first = 1
        """Line at which the current record begins."""
        self.fault: str | None = None
        """Why the current record cannot be used, if found here instead of by the parser."""

    def next_record(self) -> None:
        self.first = self._line + 1
        self.fault = None
        self._size = 0

    def broken(self, why: str) -> Iterator[Record]:
        yield self.first, why
        for line in range(self.first + 1, self._line + 1):
            yield line, f"part of the record that begins at line {self.first} and is broken"

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines, None)
        if line is None:
            line = self._first_of_next_block()
        self._line += 1
        self._size += len(line)
        if self._size > MAX_LINE + 1:
            raise self._too_long()
        return line

    def _first_of_next_block(self) -> str:
        block = next(self._blocks)
        if isinstance(block, Overlong):
            self._line += 1
            raise self._too_long()
        self._lines = io.StringIO(block.data.decode(errors="surrogateescape"), newline="\n")
        return next(self._lines)

    def _too_long(self) -> csv.Error:
        self.fault = f"a record longer than {MAX_LINE} bytes; is a quote left open?"
        return csv.Error(self.fault)
