"""Makes writes to closed, full or abandoned standard streams harmless, with a true exit code at the end.

stderr carries progress and warnings: what it cannot take is dropped, and the next line is tried again. A
failure of stdout is reported by a line and the exit code, unless its reader has left (`| head`) or it was
closed (`>&-`). It is reported at the end, since a submitted job goes on whether or not anyone reads.
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
"""Errors that mean that nobody reads the stream."""

OUTPUT_FAILED: Final = 2
"""Exit code if stdout could not take its data."""


class ReaderGoneError(Exception):
    """Nobody reads stdout any more, so further output is useless."""


class _KeptOutput(io.FileIO):
    """A stream whose writes never fail; it keeps the first error."""

    def __init__(self, number: int) -> None:
        super().__init__(number, "w", closefd=False)
        self.failure: OSError | None = None

    def write(self, data: "ReadableBuffer", /) -> int:
        # Data behind a gap is worthless on stdout; a log with a gap is better than none.
        if self.failure is None or self.fileno() == _STDERR:
            try:
                return super().write(data)
            except OSError as error:
                self.failure = error
        return memoryview(data).nbytes


def run(program: Callable[[], object]) -> NoReturn:
    """Runs `program` and exits with its code; with `OUTPUT_FAILED` if that is 0 and stdout has failed."""
    prepare()
    try:
        code = program()
    except SystemExit as end:
        code = end.code
    sys.exit(_final_code(code) if code is None or isinstance(code, int) else str(code))


def discard_stdout() -> None:
    """Discards stdout, where Celery prints its banner and farewell, which are no log lines."""
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), _STDOUT)


def prepare() -> None:
    """Replaces stdout and stderr by streams whose writes never fail."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # Otherwise the next opened file would get this descriptor, and with it the data of the stream.
            with suppress(OSError):
                os.set_inheritable(os.open(os.devnull, os.O_RDONLY), True)
    sys.stdout = _stream(_STDOUT, sys.stdout)
    sys.stderr = _stream(_STDERR, sys.stderr)


def write_out(data: bytes) -> None:
    """Writes to stdout. Raises `ReaderGoneError` if an earlier write failed."""
    if stdout_failure() is not None:
        raise ReaderGoneError
    sys.stdout.buffer.write(data)


def stdout_failure() -> str | None:
    """Why a write to stdout failed; None if none did."""
    failure = _failure()
    return None if failure is None else _describe(failure)


def _stream(number: int, given: TextIO | None) -> TextIO:
    errors = None if given is None else given.errors
    return io.TextIOWrapper(
        io.BufferedWriter(_KeptOutput(number)),
        encoding="utf-8" if given is None else given.encoding,
        # Text that the locale cannot encode is escaped, not lost.
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
