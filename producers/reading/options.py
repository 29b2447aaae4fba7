"""How a list is to be read, as the user said it."""

from dataclasses import dataclass
from typing import Literal

Format = Literal["lines", "csv", "tsv", "ndjson", "xlsx"]


@dataclass(frozen=True)
class InputOptions:
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
    """The first malformed line ends the reading."""
    allow_malformed: bool = False
    """The user wants the ids of a list that is malformed for the most part."""
    allow_token_like_ids: bool = False
    """The user vouches that ids with the shape of token values are ids."""
