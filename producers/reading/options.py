"""How a list is to be read, as the user said it."""

from dataclasses import dataclass
from typing import Literal

Format = Literal["lines", "csv", "ndjson"]


@dataclass(frozen=True)
class InputOptions:
    format: Literal["auto"] | Format = "auto"
    column: str | None = None
    """CSV: the name of the column with the ids, or its 1-based number."""
    field: str | None = None
    """NDJSON: the key of the id; dots step into inner objects."""
    strict: bool = False
    """The first malformed line ends the reading."""
    allow_token_like_ids: bool = False
    """The user vouches that ids with the shape of token values are ids."""
