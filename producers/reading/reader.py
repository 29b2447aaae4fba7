"""The whole list, row by row."""

from collections.abc import Iterator

from producers.reading.dedupe import Seen
from producers.reading.formats import parse
from producers.reading.options import InputOptions
from producers.reading.rows import Duplicate, Malformed, Row
from producers.reading.source import Source
from worker.core.errors import BadInputError


def read_rows(source: Source, options: InputOptions) -> Iterator[Row]:
    """Every row of `source`, in its order.

    Raises BadInputError where `parse` does; with `strict` also at the first malformed line.
    """
    first_line = Seen().first_line
    for row in parse(source, options):
        if type(row) is Malformed:
            if options.strict:
                raise BadInputError(f"{source.name}: line {row.line}: {row.why} (--strict)")
            yield row
            continue
        line, id_ = row
        first = first_line(id_, line)
        yield row if first == line else Duplicate(line, id_, first)
