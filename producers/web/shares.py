"""What one key may take of the server at a time, so that a key in wrong hands leaves the rest to others."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from producers.web.keys import Key
from producers.web.problems import Code, ProblemError


class Shares:
    """How many of something are open now: of all keys, and of each."""

    def __init__(self, what: str, most: int, most_of_key: int) -> None:
        """`what`: its name in messages, in the plural."""
        self._what: Final = what
        self._most: Final = most
        self._most_of_key: Final = most_of_key
        self._open: Counter[bytes] = Counter()
        """By the digest of the key, which a session of the page shares."""

    @contextmanager
    def one_of(self, key: Key) -> Iterator[None]:
        """Counts one more within the block. Raises `ProblemError` where there are as many as there may be."""
        if self._open.total() >= self._most:
            raise ProblemError(
                Code.BUSY, f"there are {self._most} {self._what} at present, the most: try again in a moment"
            )
        if self._open[key.digest] >= self._most_of_key:
            raise ProblemError(
                Code.TOO_MANY_REQUESTS,
                f"the key {key.name} has {self._most_of_key} {self._what} at present, the most of one key:"
                " try again when one of them has ended",
            )
        self._open[key.digest] += 1
        try:
            yield
        finally:
            self._open[key.digest] -= 1
            if not self._open[key.digest]:
                del self._open[key.digest]
