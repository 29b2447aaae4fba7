"""Reads the whole list, once it is checked not to be a list of secrets."""

from collections.abc import Iterator
from itertools import chain

from producers.reading.dedupe import without_duplicates
from producers.reading.formats import parse
from producers.reading.options import InputOptions
from producers.reading.rows import IdSpan, Piece
from producers.reading.source import Source
from producers.reading.survey import Survey
from worker.core.errors import BadInputError
from worker.core.ids import is_list_of_token_values


def check_no_secrets(source: Source, options: InputOptions) -> None:
    """Raises `BadInputError` if most of the first ids look like token values, which are secrets.

    Call it before anything of the list is stored. `options.allow_token_like_ids` turns the check off.
    """
    if options.allow_token_like_ids:
        return
    spans = (piece.ids for piece in parse(source, options) if isinstance(piece, IdSpan))
    if is_list_of_token_values(chain.from_iterable(spans)):
        raise BadInputError(
            f"{source.name}: most lines look like token values, which are secrets; expected token ids, "
            "not token values. Nothing was stored or sent. If they are ids, add --allow-token-like-ids"
        )


def read_list(source: Source, options: InputOptions, surveyed: Survey) -> Iterator[Piece]:
    """All rows of `source` in their order, each id once. Raises `BadInputError` as `parse` does."""
    return without_duplicates(parse(source, options), surveyed.repeated)
