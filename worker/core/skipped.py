"""Lines of the input that are no ids of the job: how they are packed for the store.

Chunks of MessagePack rows, compressed. They come back among the results, each at its line.
"""

from typing import Final

import msgspec
import zstandard

CHUNK: Final = 4096
"""Rows in a chunk."""


class SkippedLine(msgspec.Struct, frozen=True, array_like=True):
    """A duplicate (`token_id` and `first_line` given) or a malformed line (neither, and `why`)."""

    line: int
    token_id: str | None
    first_line: int | None
    why: str

    @property
    def reason(self) -> str:
        return "MALFORMED" if self.first_line is None else "DUPLICATE"

    @property
    def message(self) -> str:
        return self.why if self.first_line is None else f"first on line {self.first_line}"


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[SkippedLine])


def pack_skipped(rows: list[SkippedLine]) -> bytes:
    return zstandard.ZstdCompressor(level=1).compress(_encoder.encode(rows))


def unpack_skipped(blob: bytes) -> list[SkippedLine]:
    return _decoder.decode(zstandard.ZstdDecompressor().decompress(blob))
