"""Writes a file whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from worker.core.errors import BadInputError


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file beside `path` that takes its place at the end; a broken run leaves nothing of it.

    Raises `BadInputError` where it cannot be written.
    """
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    except OSError as error:
        raise BadInputError(
            f"cannot write {path} ({error.strerror}): name another place with --output"
        ) from error
    finally:
        # Its folder may be gone, or read-only by now: that is told above.
        with suppress(OSError):
            part.unlink(missing_ok=True)
