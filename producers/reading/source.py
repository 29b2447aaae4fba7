"""The input that the user named: bytes that can be read several times and stay the same.

Gzip is unpacked and UTF-16 becomes UTF-8 on the way.
"""

import codecs
import gzip
import hashlib
import io
import os
import shutil
import stat
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Final, Self

from producers.reading.blocks import Block, Overlong, blocks
from producers.reading.spool import spool_ids, spooled
from producers.reading.workbook import read_sheet
from worker.core.errors import BadInputError

if TYPE_CHECKING:
    from python_calamine import CalamineSheet

STDIN: Final = "-"
_STANDARD_INPUT: Final = "standard input"
GIVEN_IDS: Final = "the ids given"
"""Name of a list that came as an iterable of ids."""
_GZIP: Final = b"\x1f\x8b"
"""No text begins with these bytes, in UTF-8 or any other encoding: knowing gzip by them is no guess."""
_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""First bytes of Excel's 'Unicode Text' and PowerShell's `>`. No UTF-8 text begins with either."""
_HEAD: Final = 64 * 1024
"""Bytes of the text that `Source.head` returns at most."""
_CHUNK: Final = 1024 * 1024
"""Bytes read at once."""


class Source:
    """A list that was read once from end to end: it is complete, and its hash is known.

    The file stays open, so replacing it under its name has no effect; a change in place raises at the end of
    the pass. Input that cannot be read twice (standard input, a pipe) is kept in an unlinked temporary file
    of mode 0600.
    """

    @classmethod
    def open(cls, path: str, stdin: IO[bytes] | None = None) -> Self:
        """Opens the file at `path`; '-' reads `stdin`, by default the process's own.

        Raises `BadInputError` if it cannot be read, or is damaged gzip.
        """
        if path == STDIN:
            return cls.of_stream(stdin or sys.stdin.buffer, _STANDARD_INPUT)
        try:
            file: IO[bytes] = Path(path).open("rb")  # noqa: SIM115  `close` closes it.
        except OSError as error:
            raise BadInputError(
                f"{path}: {error.strerror}; expected a file, or - for standard input"
            ) from error
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            with file:
                return cls(path, _spool(file, path))
        return cls(path, file)

    @classmethod
    def of_stream(cls, stream: IO[bytes], name: str) -> Self:
        """Reads `stream` to its end. Raises `BadInputError` if it cannot be read, or is damaged gzip."""
        return cls(name, _spool(stream, name))

    @classmethod
    def of_ids(cls, ids: Iterable[str]) -> Self:
        """Consumes `ids`, in constant memory; its bytes are those of a file with one id per line.

        Raises `BadInputError` for an item that cannot be one line of a file.
        """
        return cls(GIVEN_IDS, spool_ids(ids))

    def __init__(self, name: str, file: IO[bytes], check: Callable[[], object] = lambda: None) -> None:
        """`check` is called for each megabyte that is read, and may raise to end a pass."""
        self._check = check
        self.name = name
        """Shown in messages."""
        self.argument = STDIN if name == _STANDARD_INPUT else name
        """What a command line calls it."""
        self._file = file
        self._sheets: dict[str | None, CalamineSheet] = {}
        try:
            self._state = self._state_now()
            self.size = self._state[0]
            """Bytes of the file, packed or not."""
            packed = name.lower().endswith(".gz") or os.pread(file.fileno(), len(_GZIP), 0) == _GZIP
            self.is_gzip = packed
            self.sha256 = self._hash()
            """Hexadecimal, over the bytes of the file, packed or not: what `sha256sum FILE` prints."""
            self._check_whole()
            self._is_utf_16 = self._begins_as_utf_16()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    def head(self) -> bytes:
        """The first bytes of the text in UTF-8, or of the file where it is no text."""
        return next(self._text(), b"")[:_HEAD]

    def sheet(self, wanted: str | None) -> "CalamineSheet":
        """The sheet of a workbook, read once: reading takes longer than everything done with it."""
        if wanted not in self._sheets:
            self._sheets[wanted] = read_sheet(self._file, self.name, wanted)
        self._check_unchanged()
        return self._sheets[wanted]

    def lines(self) -> Iterator[Block | Overlong]:
        """Starts a new pass over the text. Raises `BadInputError` at its end if the file has changed."""
        return blocks(self._text())

    def _text(self) -> Iterator[bytes]:
        return _in_utf8(self._chunks()) if self._is_utf_16 else self._chunks()

    def _chunks(self) -> Iterator[bytes]:
        try:
            for chunk in (_unpacked_chunks if self.is_gzip else _raw_chunks)(self._file, self.name):
                self._check()
                yield chunk
        except BadInputError:
            self._check_unchanged()  # A change would explain the damage.
            raise
        self._check_unchanged()

    def _hash(self) -> str:
        digest = hashlib.sha256()
        for chunk in _raw_chunks(self._file, self.name):
            self._check()
            digest.update(chunk)
        return digest.hexdigest()

    def _check_whole(self) -> None:
        if self.is_gzip and not self.size:
            raise BadInputError(f"{self.name}: the gzip data is cut short; copy or pack the file again")
        if self.is_gzip:
            for _ in self._chunks():
                pass  # Raises at the end if the file is damaged.

    def _begins_as_utf_16(self) -> bool:
        first = next(self._chunks(), b"")
        return first.startswith(_UTF_16) and not first.startswith(codecs.BOM_UTF32_LE)

    def _check_unchanged(self) -> None:
        if self._state_now() != self._state:
            raise BadInputError(f"{self.name}: changed while it was read; run again when it is at rest")

    def _state_now(self) -> tuple[int, int]:
        found = os.fstat(self._file.fileno())
        return found.st_size, found.st_mtime_ns


def _spool(stream: IO[bytes], name: str) -> IO[bytes]:
    """Copies the rest of `stream` to a temporary file."""
    with spooled(name) as spool:
        shutil.copyfileobj(stream, spool, _CHUNK)
    return spool


def _raw_chunks(file: IO[bytes], name: str) -> Iterator[bytes]:
    """Yields the bytes of `file` as they are. Several passes over one file do not disturb each other."""
    with io.BufferedReader(_FromStart(file)) as stream:
        yield from _read_chunks(stream, name)


def _unpacked_chunks(file: IO[bytes], name: str) -> Iterator[bytes]:
    """Yields the text inside the gzip `file`. Raises `BadInputError` where it is damaged."""
    with io.BufferedReader(_FromStart(file), _CHUNK) as packed, gzip.GzipFile(fileobj=packed) as stream:
        yield from _read_chunks(stream, name)


def _in_utf8(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Converts `chunks` of UTF-16 with a byte order mark to UTF-8 without one.

    Invalid bytes become U+FFFD, which no id may hold: that line is malformed.
    """
    decoder = codecs.getincrementaldecoder("utf-16")(errors="replace")
    for chunk in chunks:
        yield decoder.decode(chunk).encode()
    yield decoder.decode(b"", final=True).encode()


def _read_chunks(stream: "io.BufferedReader[Any] | gzip.GzipFile", name: str) -> Iterator[bytes]:
    while chunk := _read(stream, name):
        yield chunk


def _read(stream: "io.BufferedReader[Any] | gzip.GzipFile", name: str) -> bytes:
    try:
        return stream.read(_CHUNK)
    except EOFError as error:
        raise BadInputError(f"{name}: the gzip data is cut short; copy or pack the file again") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise BadInputError(f"{name}: not gzip, or damaged; copy or pack the file again") from error
    except OSError as error:
        raise BadInputError(f"{name}: reading failed: {error.strerror}") from error


class _FromStart(io.RawIOBase):
    """Reads a file at a position of its own and never closes it, so that passes are independent."""

    def __init__(self, file: IO[bytes]) -> None:
        self._descriptor = file.fileno()
        self._position = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview[int]", /) -> int:  # type: ignore[override]
        chunk = os.pread(self._descriptor, len(buffer), self._position)
        self._position += len(chunk)
        buffer[: len(chunk)] = chunk
        return len(chunk)
