"""Keeps a list of secrets from being stored or sent."""

from itertools import chain

from producers.reading.formats import parse
from producers.reading.options import InputOptions
from producers.reading.rows import IdSpan
from producers.reading.source import Source
from worker.core.errors import BadInputError
from worker.core.ids import is_list_of_token_values


def check_no_secrets(source: Source, options: InputOptions) -> None:
    """Looks at the beginning of the list; to be called before anything of it is stored.

    Raises BadInputError if most ids look like token values, unless the user vouches for them.
    """
    if options.allow_token_like_ids:
        return
    spans = (piece.ids for piece in parse(source, options) if isinstance(piece, IdSpan))
    if is_list_of_token_values(chain.from_iterable(spans)):
        raise BadInputError(
            f"{source.name}: most lines look like token values, which are secrets; expected token ids, "
            "not token values. Nothing was stored or sent. If they are ids, add --allow-token-like-ids"
        )
