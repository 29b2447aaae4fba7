"""Standard streams that are closed, full, or left by their reader: a process goes on, with a true exit code.

What stderr cannot take is dropped: it is progress and warnings, and the next line is tried anew. What stdout
cannot take is told at the end, by a line and by the exit code, unless nobody is there to read it, as behind
`| head` or `>&-`. At the end alone: a job that was put in is to be worked on, whoever listens.
"""

import errno
import io
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_STDOUT: Final = 1
_STDERR: Final = 2
_READER_GONE: Final = frozenset({errno.EPIPE, errno.ECONNRESET, errno.EBADF})
"""Errors that say that nobody is at the other end."""

OUTPUT_FAILED: Final = 2
"""The exit code where stdout could not take what it was given."""


class ReaderGoneError(Exception):
    """There is no use in more output."""


class _KeptOutput(io.FileIO):
    """Takes all that it is given; the first failure is kept."""

    def __init__(self, number: int) -> None:
        super().__init__(number, "w", closefd=False)
        self.failure: OSError | None = None

    def write(self, data: "ReadableBuffer", /) -> int:
        # What comes after a gap would be no part of a whole; a log with a gap is better than none.
        if self.failure is None or self.fileno() == _STDERR:
            try:
                return super().write(data)
            except OSError as error:
                self.failure = error
        return memoryview(data).nbytes


def run(program: Callable[[], object]) -> NoReturn:
    """Runs `program` and exits with the code that it returns, or exits with, unless stdout changes that."""
    prepare()
    try:
        code = program()
    except SystemExit as end:
        code = end.code
    sys.exit(_final_code(code) if code is None or isinstance(code, int) else str(code))


def discard_stdout() -> None:
    """For a worker: what Celery writes there to greet and to part is no part of a log."""
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), _STDOUT)


def prepare() -> None:
    """Puts streams in place that no write to can fail."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # Else the next file that is opened would take the number, and get what is meant for the stream.
            with suppress(OSError):
                os.set_inheritable(os.open(os.devnull, os.O_RDONLY), True)
    sys.stdout = _stream(_STDOUT, sys.stdout)
    sys.stderr = _stream(_STDERR, sys.stderr)


def write_out(data: bytes) -> None:
    """Writes to stdout. Raises `ReaderGoneError` where it takes no more."""
    if stdout_failure() is not None:
        raise ReaderGoneError
    sys.stdout.buffer.write(data)


def stdout_failure() -> str | None:
    """Why stdout did not take what it was given; None where it did."""
    failure = _failure()
    return None if failure is None else _describe(failure)


def _stream(number: int, given: TextIO | None) -> TextIO:
    errors = None if given is None else given.errors
    return io.TextIOWrapper(
        io.BufferedWriter(_KeptOutput(number)),
        encoding="utf-8" if given is None else given.encoding,
        # No text is lost to a locale that has no letter for it.
        errors="backslashreplace" if errors in {None, "strict"} else errors,
        line_buffering=number == _STDERR or os.isatty(number),
    )


def _final_code(code: int | None) -> int:
    sys.stdout.flush()
    failure = _failure()
    if failure is None or failure.errno in _READER_GONE:
        return code or 0
    sys.stderr.write(f"Error: cannot write to standard output ({_describe(failure)}): it is not whole\n")
    return code or OUTPUT_FAILED


def _failure() -> OSError | None:
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return raw.failure if isinstance(raw, _KeptOutput) else None


def _describe(failure: OSError) -> str:
    return "it is closed" if failure.errno == errno.EBADF else failure.strerror or type(failure).__name__
