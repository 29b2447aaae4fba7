"""Which format an input has: told by an option, else by its name, else by our own CSV header."""

from collections.abc import Iterator
from pathlib import PurePath

from producers.reading.blocks import Block
from producers.reading.columns import is_our_header
from producers.reading.csvrows import csv_rows
from producers.reading.ndjson import ndjson_rows
from producers.reading.options import Format, InputOptions
from producers.reading.plain import plain_rows
from producers.reading.rows import Parsed, gathered
from producers.reading.source import Source
from worker.core.errors import BadInputError

_BY_SUFFIX: dict[str, Format] = {".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson"}


def parse(source: Source, options: InputOptions) -> Iterator[Parsed]:
    """A fresh pass over the rows of `source`; duplicates are not looked for.

    Raises BadInputError for options that do not fit the format, and for a CSV without the column.
    """
    kind = format_of(source, options)
    if options.column is not None and kind != "csv":
        raise BadInputError(f"--column: {source.name} is read as {kind}; --format csv reads it as CSV")
    if options.field is not None and kind != "ndjson":
        raise BadInputError(f"--field: {source.name} is read as {kind}; --format ndjson reads it as NDJSON")
    match kind:
        case "csv":
            return gathered(csv_rows(source.lines(), source.name, options.column))
        case "ndjson":
            return gathered(ndjson_rows(source.lines(), options.field))
        case "lines":
            return plain_rows(source.lines())


def format_of(source: Source, options: InputOptions) -> Format:
    if options.format != "auto":
        return options.format
    if (named := _BY_SUFFIX.get(_suffix(source.name))) is not None:
        return named
    if options.column is not None:
        return "csv"
    if options.field is not None:
        return "ndjson"
    return "csv" if _begins_with_our_header(source) else "lines"


def _suffix(name: str) -> str:
    path = PurePath(name.lower())
    return PurePath(path.stem).suffix if path.suffix == ".gz" else path.suffix


def _begins_with_our_header(source: Source) -> bool:
    first = next(source.lines(), None)
    if not isinstance(first, Block):
        return False
    return is_our_header(first.data.partition(b"\n")[0].decode(errors="replace").split(","))
