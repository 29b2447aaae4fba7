"""Reads a list row by row for tests; the product reads it in spans of rows."""

from collections.abc import Iterator
from dataclasses import replace

from producers.reading import (
    Duplicate,
    IdSpan,
    InputOptions,
    Malformed,
    Source,
    Wellformed,
    read_list,
    survey,
)

Row = Wellformed | Malformed | Duplicate


def read_rows(source: Source, options: InputOptions) -> Iterator[Row]:
    surveyed = survey(source, replace(options, allow_malformed=True))
    for piece in read_list(source, options, surveyed):
        if isinstance(piece, IdSpan):
            assert len(piece.lines) == len(piece.ids) > 0
            yield from map(Wellformed, piece.lines, piece.ids)
        else:
            yield piece
