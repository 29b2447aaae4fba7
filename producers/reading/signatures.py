"""Recognizes files of another format than they are read as, for messages only."""

import re
from typing import Final, NamedTuple

from producers.reading.options import Format
from producers.reading.source import Source

_TEXTS: Final = ("lines", "csv", "tsv", "ndjson")


class _Signature(NamedTuple):
    """A format recognized by the beginning of a file."""

    pattern: re.Pattern[bytes]
    """Matches at the beginning of the file."""
    words: str
    """What the file is, and what to do."""
    read_as: tuple[Format, ...] = _TEXTS
    """Formats that the file is not, so that reading it as one of them is a mistake."""


def _signature(pattern: bytes, words: str, *read_as: Format) -> _Signature:
    return _Signature(re.compile(pattern, re.DOTALL | re.IGNORECASE), words, read_as or _TEXTS)


_CELL: Final = rb"[^\n;\t,]*"
# The first match counts. Each pattern looks at a bounded beginning, in linear time.
_SIGNATURES: Final = (
    _signature(
        rb"PK\x03\x04.{0,4000}(?:xl/|\[Content_Types\])",
        "an Excel workbook: --format xlsx reads it, with the extra `excel`",
    ),
    _signature(rb"PK\x03\x04", "a zip archive: unpack it first"),
    _signature(rb"\xfd7zXZ\x00", "packed with xz: unpack it first (xz -dc FILE | ... -)"),
    _signature(rb"BZh[1-9]1AY&SY", "packed with bzip2: unpack it first (bzip2 -dc FILE | ... -)"),
    _signature(rb"\x28\xb5\x2f\xfd", "packed with zstd: unpack it first (zstd -dc FILE | ... -)"),
    _signature(rb"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it first"),
    _signature(
        rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "an old Excel or Word file, or one with a password: save it as .xlsx or as CSV UTF-8",
    ),
    _signature(rb"%PDF-", "a PDF: ask for the ids as text or CSV"),
    _signature(rb"PAR1", "Parquet: export the ids as CSV"),
    _signature(rb"SQLite format 3\x00", "an SQLite database: export the ids as CSV"),
    _signature(rb"\{\\rtf", "rich text (RTF): save it as plain text, UTF-8"),
    _signature(
        rb"\s*<(?:!doctype html|html|head|table)",
        "an HTML page, perhaps that of a login: export or download the list again",
    ),
    _signature(rb"\s*<\?xml", "XML: export the ids as CSV"),
    _signature(rb"\xff\xfe\x00\x00|\x00\x00\xfe\xff", "UTF-32: save it as UTF-8"),
    _signature(rb"(?:[^\x00]\x00){8}|(?:\x00[^\x00]){8}", "UTF-16 without its mark: save it as UTF-8"),
    _signature(
        rb"[^\n\r]{1,4000}\r(?!\n)[^\n]*\Z",
        "text with carriage returns alone as line ends: turn them into line feeds (tr '\\r' '\\n' < FILE)",
    ),
    _signature(
        rb"#TYPE ",
        "PowerShell's Export-Csv with its #TYPE line: take that away (tail -n +2 FILE), or export with"
        " -NoTypeInformation",
    ),
    _signature(rb"sep=.\r?\n", "CSV with Excel's sep= line: --format csv reads it", "lines", "ndjson", "tsv"),
    _signature(
        rb"\s*\[\s*[\"{\[]",
        "a JSON array: turn it into a value per line (jq -c '.[]' FILE) and read that with --format ndjson",
    ),
    _signature(
        rb"\s*\{\s*\"",
        "JSON objects: --format ndjson reads one per line (jq -c . FILE)",
        "lines",
        "csv",
        "tsv",
    ),
    _signature(
        rb"\s*\{[ \t]*\r?\n",
        "JSON printed over several lines: put each value on one (jq -c . FILE, or jq -c '.KEY[]' FILE for a"
        " list within)",
        "ndjson",
    ),
    _signature(
        rb" [^\n]*\n-+(?:\+-+)*\r?\n",
        "a table as psql prints it: psql -At prints the values alone, and --csv a CSV",
    ),
    _signature(
        rb"(?:\r?\n)*[^\n]{1,4000}\n-+(?: +-+)* *\r?\n",
        "a table as PowerShell prints it: take the values alone (Select-Object -ExpandProperty NAME), or"
        " Export-Csv",
    ),
    _signature(rb"\s*\+-+(?:\+-+)*\+\r?\n", "a table as mysql prints it: mysql -BN prints the values alone"),
    _signature(
        rb"\s*\|[^\n]*\|\s*\n\s*\|[ :|-]+\|", "a table in Markdown: take the column with the ids alone"
    ),
    _signature(
        _CELL + rb"\t",
        "text parted by tabs: --format tsv reads it, with --column for the ids",
        "lines",
        "csv",
        "ndjson",
    ),
    _signature(
        _CELL + rb";",
        "CSV parted by semicolons, as Excel writes it in many countries: --delimiter ';' reads it",
        "lines",
        "csv",
        "tsv",
        "ndjson",
    ),
    _signature(
        rb"\"[^\"\n]*\"\r?\n",
        "JSON strings, as jq prints them without -r: --format ndjson reads them",
        "lines",
    ),
    _signature(
        _CELL + rb",", "CSV: --format csv reads it, with --column for the ids", "lines", "ndjson", "tsv"
    ),
)


def is_archive(source: Source, read_as: Format) -> bool:
    """Whether a file read as text is a zip archive: a stored list in it would read as text in between."""
    return read_as in _TEXTS and source.head().startswith(b"PK\x03\x04")


def format_hint(source: Source, read_as: Format) -> str:
    """The end of a message that says what the file seems to be and what to do; '' if nothing matches."""
    head = source.head().removeprefix(b"\xef\xbb\xbf")
    for signature in _SIGNATURES:
        if read_as in signature.read_as and signature.pattern.match(head):
            return f"; it looks like {signature.words}"
    return ""
