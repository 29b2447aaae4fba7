"""The whole list, in pieces."""

from collections.abc import Iterator

from producers.reading.dedupe import without_duplicates
from producers.reading.formats import parse
from producers.reading.options import InputOptions
from producers.reading.rows import Piece
from producers.reading.source import Source
from producers.reading.survey import Survey


def read_list(source: Source, options: InputOptions, surveyed: Survey) -> Iterator[Piece]:
    """Every row of `source`, in its order. Raises BadInputError where `parse` does."""
    return without_duplicates(parse(source, options), surveyed.repeated)
