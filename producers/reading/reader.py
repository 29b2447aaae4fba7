"""The whole list, in pieces."""

from collections.abc import Iterable, Iterator

from producers.reading.dedupe import repeated_hashes, without_duplicates
from producers.reading.formats import parse
from producers.reading.options import InputOptions
from producers.reading.rows import Malformed, Parsed, Piece
from producers.reading.source import Source
from worker.core.errors import BadInputError


def read_list(source: Source, options: InputOptions) -> Iterator[Piece]:
    """Every row of `source`, in its order.

    Raises BadInputError where `parse` does; with `strict` also at the first malformed line, before any piece.
    """
    repeated = repeated_hashes(_strictly(parse(source, options), source.name, options))
    yield from without_duplicates(parse(source, options), repeated)


def _strictly(pieces: Iterable[Parsed], name: str, options: InputOptions) -> Iterator[Parsed]:
    for piece in pieces:
        if options.strict and isinstance(piece, Malformed):
            raise BadInputError(f"{name}: line {piece.line}: {piece.why} (--strict)")
        yield piece
