"""The reading options that the user gave."""

from dataclasses import dataclass
from typing import Literal

Format = Literal["lines", "csv", "tsv", "ndjson", "xlsx"]


@dataclass(frozen=True)
class InputOptions:
    """How to read a list."""

    format: Literal["auto"] | Format = "auto"
    column: str | None = None
    """CSV, TSV, XLSX: the name of the column with the ids, or its 1-based number."""
    delimiter: str | None = None
    """CSV: the character between cells."""
    field: str | None = None
    """NDJSON: the key of the id; dots step into inner objects."""
    sheet: str | None = None
    """XLSX: the name of the sheet, or its 1-based number."""
    strict: bool = False
    """Whether the first malformed line raises `BadInputError`."""
    allow_malformed: bool = False
    """Whether a list may be used although most of its lines are malformed."""
    allow_token_like_ids: bool = False
    """Whether the user vouches that ids which look like token values are ids."""
