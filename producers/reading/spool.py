"""Temporary files for lists that cannot be read twice: unlinked, and of mode 0600 from the start."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import IO, Final

from producers.reading.rows import trimmed
from worker.core.errors import BadInputError
from worker.core.ids import are_plain

_IDS_PER_WRITE: Final = 2000


@contextmanager
def spooled(name: str) -> Iterator[IO[bytes]]:
    """Yields a temporary file to write the list `name` to. It stays open, unless the block raises.

    Raises `BadInputError` for what the disk or the reading of the list does not allow.
    """
    try:
        with ExitStack() as until_whole:
            spool = until_whole.enter_context(tempfile.TemporaryFile())
            yield spool
            spool.flush()
            until_whole.pop_all()
    # The end of the block too: a file that has no room for its last bytes raises at its close.
    except OSError as error:
        folder = tempfile.tempdir or "a temporary file"
        raise BadInputError(
            f"{name}: copying it to {folder} failed: {error.strerror}; TMPDIR can name another place"
        ) from error


def spool_ids(ids: Iterable[str]) -> IO[bytes]:
    """Writes `ids`, one per line. Raises `BadInputError` for an item that cannot be a line of its own."""
    with spooled("the ids") as spool:
        items, count = iter(ids), 0
        while chunk := list(islice(items, _IDS_PER_WRITE)):
            _check_lines(chunk, count + 1)
            # A lone surrogate becomes bytes that are no UTF-8, which make it a malformed line.
            spool.write(("\n".join(chunk) + "\n").encode(errors="surrogatepass"))
            count += len(chunk)
    return spool


def _check_lines(ids: Sequence[str], first: int) -> None:
    """Raises `BadInputError`, naming the position of the item. `first`: the position of the first, from 1."""
    if all(isinstance(token_id, str) for token_id in ids) and are_plain(ids):
        return
    for position, token_id in enumerate(ids, first):
        if not isinstance(token_id, str):
            # A caller without a type checker.
            raise BadInputError(f"id number {position} is of type {type(token_id).__name__}, not str")
        if "\n" in token_id:
            raise BadInputError(f"id number {position} holds a line feed: strip the lines of a file")
        if not trimmed(token_id):
            raise BadInputError(f"id number {position} is empty: leave it out")
