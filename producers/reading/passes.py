"""One pass over the bytes of a file, from the start, unpacked and turned into UTF-8 where needed."""

import codecs
import gzip
import io
import os
import zlib
from collections.abc import Iterable, Iterator
from typing import IO, Protocol

from worker.core.errors import BadInputError

CHUNK = 1024 * 1024
"""Bytes read at once."""


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def raw_chunks(file: IO[bytes], name: str) -> Iterator[bytes]:
    """The bytes of `file` as they are. Passes over the same file do not disturb each other."""
    with io.BufferedReader(_FromStart(file)) as stream:
        yield from _chunks(stream, name)


def unpacked_chunks(file: IO[bytes], name: str) -> Iterator[bytes]:
    """The bytes of the text within the gzip `file`. Raises BadInputError where it is damaged."""
    with io.BufferedReader(_FromStart(file), CHUNK) as packed, gzip.GzipFile(fileobj=packed) as stream:
        yield from _chunks(stream, name)


def in_utf8(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The text of `chunks`, in UTF-16 with its byte order mark, as UTF-8 without one.

    What is no character becomes U+FFFD, which no id may hold: the line that has it is malformed.
    """
    decoder = codecs.getincrementaldecoder("utf-16")(errors="replace")
    for chunk in chunks:
        yield decoder.decode(chunk).encode()
    yield decoder.decode(b"", final=True).encode()


def _chunks(stream: _Readable, name: str) -> Iterator[bytes]:
    while chunk := _read(stream, name):
        yield chunk


def _read(stream: _Readable, name: str) -> bytes:
    try:
        return stream.read(CHUNK)
    except EOFError as error:
        raise BadInputError(f"{name}: the gzip data is cut short; copy or pack the file again") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise BadInputError(f"{name}: not gzip, or damaged; copy or pack the file again") from error
    except OSError as error:
        raise BadInputError(f"{name}: reading failed: {error.strerror}") from error


class _FromStart(io.RawIOBase):
    """Reads a file by its own position, leaving the file's alone; never closes the file."""

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
