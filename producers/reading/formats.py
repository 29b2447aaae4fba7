"""Determines the format of an input: by an option, its file extension, or our own CSV header."""

from collections.abc import Iterator
from pathlib import PurePath
from typing import Final
from urllib.parse import quote

from producers.reading.columns import UnreadableError
from producers.reading.csvrecords import Record, csv_records
from producers.reading.csvrows import table_rows
from producers.reading.dialect import own_separator, separator_of
from producers.reading.ndjson import ndjson_rows
from producers.reading.options import Format, InputOptions
from producers.reading.plain import plain_rows
from producers.reading.rows import Parsed, grouped
from producers.reading.signatures import format_hint
from producers.reading.source import Source
from producers.reading.workbook import sheet_records
from worker.core.errors import BadInputError

_BY_SUFFIX: Final[dict[str, Format]] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    # Many programs write one value per line to .json. An array is refused with advice.
    ".json": "ndjson",
    ".xlsx": "xlsx",
}
_TABLES: Final = ("csv", "tsv", "xlsx")


def parse(source: Source, options: InputOptions) -> Iterator[Parsed]:
    """Starts a new pass over the rows of `source`, duplicates included.

    Raises `BadInputError` for options that do not fit the format, and for a table without the column.
    """
    kind = format_of(source, options)
    _check_options(source, options, kind)
    match kind:
        case "ndjson":
            return grouped(ndjson_rows(source.lines(), options.field))
        case "lines":
            return plain_rows(source.lines())
        case _:
            return _with_hint(
                source,
                kind,
                grouped(table_rows(_records(source, options, kind), source.name, options.column)),
            )


def format_of(source: Source, options: InputOptions) -> Format:
    """The format that `source` is read as. Content is never guessed, except for our own CSV header."""
    if options.format != "auto":
        return options.format
    if (named := _BY_SUFFIX.get(_suffix(source.name))) is not None:
        return named
    if options.sheet is not None:
        return "xlsx"
    if options.column is not None or options.delimiter is not None:
        return "csv"
    if options.field is not None:
        return "ndjson"
    return "csv" if own_separator(source) is not None else "lines"


def reading_of(source: Source, options: InputOptions) -> str:
    """How the list is read, as one word: `csv` or `csv,column=Token%20ID`.

    Part of the list's identity: the same bytes read differently are another list.
    """
    how = {
        "column": options.column,
        "delimiter": options.delimiter,
        "field": options.field,
        "sheet": options.sheet,
    }
    given = (f"{name}={quote(value, safe='')}" for name, value in how.items() if value is not None)
    return ",".join((format_of(source, options), *given))


def _records(source: Source, options: InputOptions, kind: Format) -> Iterator[Record]:
    if kind == "xlsx":
        return sheet_records(source.sheet(options.sheet), from_column_a=options.column is not None)
    separator = "\t" if kind == "tsv" else options.delimiter or separator_of(source)
    return csv_records(source.lines(), separator)


def _with_hint(source: Source, kind: Format, rows: Iterator[Parsed]) -> Iterator[Parsed]:
    """Yields `rows`; if their ids cannot be found, the error also says what the file seems to be."""
    try:
        yield from rows
    except UnreadableError as error:
        raise BadInputError(f"{error}{format_hint(source, kind)}") from None


def _check_options(source: Source, options: InputOptions, kind: Format) -> None:
    given = (
        ("--column", options.column, _TABLES, "--format csv reads it as CSV"),
        ("--delimiter", options.delimiter, ("csv",), "--format csv reads it as CSV"),
        ("--field", options.field, ("ndjson",), "--format ndjson reads it as NDJSON"),
        ("--sheet", options.sheet, ("xlsx",), "--format xlsx reads it as an Excel workbook"),
    )
    for option, value, kinds, cure in given:
        if value is not None and kind not in kinds:
            raise BadInputError(f"{option}: {source.name} is read as {kind}; {cure}")
    if options.delimiter is not None and (len(options.delimiter) != 1 or options.delimiter in '"\r\n \0'):
        raise BadInputError("--delimiter: expected one character, as in --delimiter ';'")


def _suffix(name: str) -> str:
    path = PurePath(name.lower())
    return PurePath(path.stem).suffix if path.suffix == ".gz" else path.suffix
