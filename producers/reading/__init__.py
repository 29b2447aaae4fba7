"""Reads a list of token ids: one id per line, CSV, TSV, NDJSON or XLSX, from a file or standard input.

    with Source.open(path) as source:
        check_no_secrets(source, options)
        surveyed = survey(source, options)
        for piece in read_list(source, options, surveyed):
            counter.count(piece)
    manifest = counter.manifest(source.sha256)

A list that cannot be used raises `BadInputError`; a line that cannot be used is a `Malformed` row.
"""

from producers.reading.formats import reading_of
from producers.reading.manifest import ManifestCounter
from producers.reading.options import Format, InputOptions
from producers.reading.reader import check_no_secrets, read_list
from producers.reading.rows import Duplicate, IdSpan, Malformed, Parsed, Piece, Wellformed, grouped
from producers.reading.source import Source
from producers.reading.survey import Survey, survey
from worker.core.reporting.schema import Manifest

__all__ = [
    "Duplicate",
    "Format",
    "IdSpan",
    "InputOptions",
    "Malformed",
    "Manifest",
    "ManifestCounter",
    "Parsed",
    "Piece",
    "Source",
    "Survey",
    "Wellformed",
    "check_no_secrets",
    "grouped",
    "read_list",
    "reading_of",
    "survey",
]
