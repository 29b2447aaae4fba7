"""The input as the user named it: bytes that can be read several times and stay the same."""

import codecs
import hashlib
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Self

from producers.reading.blocks import Block, Overlong, blocks
from producers.reading.passes import CHUNK, in_utf8, raw_chunks, unpacked_chunks
from producers.reading.workbook import read_sheet
from worker.core.errors import BadInputError

if TYPE_CHECKING:
    from python_calamine import CalamineSheet

STDIN = "-"
_GZIP = b"\x1f\x8b"
"""No text begins so, in UTF-8 or any other encoding of it: knowing it is no guess about the content."""
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""As Excel's 'Unicode Text' and PowerShell's `>` begin. Neither begins a text in UTF-8."""
_HEAD = 64 * 1024


class Source:
    """A list that has been read once from end to end: it is whole, and its hash is known.

    The file stays open, so that another file put in its place does no harm; one that is changed in place
    is found at the end of the pass. What cannot be read twice (standard input, a pipe) is kept in a
    temporary file that has no name and that only its owner can read.
    """

    @classmethod
    def open(cls, path: str, stdin: IO[bytes] | None = None) -> Self:
        """The file at `path`; for '-' what `stdin` holds, by default the process's.

        Raises BadInputError if it cannot be read, or is damaged gzip.
        """
        if path == STDIN:
            return cls("standard input", _spool(stdin or sys.stdin.buffer, "standard input"))
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

    def __init__(self, name: str, file: IO[bytes]) -> None:
        self.name = name
        """For messages."""
        self._file = file
        self._sheets: dict[str | None, CalamineSheet] = {}
        try:
            self._state = self._state_now()
            self.size = self._state[0]
            """Bytes, as given."""
            packed = name.lower().endswith(".gz") or os.pread(file.fileno(), len(_GZIP), 0) == _GZIP
            self.is_gzip = packed
            self.sha256 = self._hash()
            """Hexadecimal, over the bytes as given."""
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
        """The first bytes of the text, in UTF-8, or of whatever it is."""
        return next(self._text(), b"")[:_HEAD]

    def sheet(self, wanted: str | None) -> "CalamineSheet":
        """The sheet of a workbook. Kept: reading it takes longer than all that is done with it."""
        if wanted not in self._sheets:
            self._sheets[wanted] = read_sheet(self._file, self.name, wanted)
        self._check_unchanged()
        return self._sheets[wanted]

    def lines(self) -> Iterator[Block | Overlong]:
        """A fresh pass over the text. Raises BadInputError at its end if the file was changed meanwhile."""
        return blocks(self._text())

    def _text(self) -> Iterator[bytes]:
        return in_utf8(self._chunks()) if self._is_utf_16 else self._chunks()

    def _chunks(self) -> Iterator[bytes]:
        try:
            yield from (unpacked_chunks if self.is_gzip else raw_chunks)(self._file, self.name)
        except BadInputError:
            self._check_unchanged()  # Which would explain the damage.
            raise
        self._check_unchanged()

    def _hash(self) -> str:
        digest = hashlib.sha256()
        for chunk in raw_chunks(self._file, self.name):
            digest.update(chunk)
        return digest.hexdigest()

    def _check_whole(self) -> None:
        if self.is_gzip and not self.size:
            raise BadInputError(f"{self.name}: the gzip data is cut short; copy or pack the file again")
        if self.is_gzip:
            for _ in self._chunks():
                pass  # Its end tells whether it is whole.

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
    """What is left of `stream`, in a temporary file that is unlinked and 0600 from the start."""
    spool = tempfile.TemporaryFile()  # noqa: SIM115  The source closes it.
    try:
        shutil.copyfileobj(stream, spool, CHUNK)
        spool.flush()
    except OSError as error:
        spool.close()
        folder = tempfile.gettempdir()
        raise BadInputError(
            f"{name}: copying it to {folder} failed: {error.strerror}; TMPDIR can name another place"
        ) from error
    except BaseException:
        spool.close()
        raise
    return spool
