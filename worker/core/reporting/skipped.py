"""Lines of the input that are no ids of the job: how they are packed for the store.

Chunks of MessagePack rows, compressed. They come back among the results, each at its line.
"""

from typing import Final

import msgspec

from worker.core.bounded import compressed, decompressed
from worker.core.errors import DamagedRecordError

CHUNK: Final = 4096
"""Rows in a chunk."""

_MAX_BYTES: Final = CHUNK * 4096
"""Maximum bytes of an unpacked chunk; a row is an id of at most 256 characters, or a sentence, and two
numbers."""


MALFORMED: Final = "MALFORMED"


class SkippedLine(msgspec.Struct, frozen=True, array_like=True):
    """A duplicate (`token_id` and `first_line` given) or a malformed line (neither, and `why`)."""

    line: int
    token_id: str | None
    first_line: int | None
    why: str

    @property
    def reason(self) -> str:
        return MALFORMED if self.first_line is None else "DUPLICATE"

    @property
    def message(self) -> str:
        return self.why if self.first_line is None else f"first on line {self.first_line}"


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[SkippedLine])


def pack_skipped(rows: list[SkippedLine]) -> bytes:
    return compressed(_encoder.encode(rows))


def unpack_skipped(blob: bytes) -> list[SkippedLine]:
    """Raises `DamagedRecordError` where `blob` is no chunk."""
    try:
        return _decoder.decode(decompressed(blob, _MAX_BYTES))
    except msgspec.DecodeError as error:
        raise DamagedRecordError(
            "stored rows of skipped lines are damaged: look for who wrote to Redis, and submit the list again"
        ) from error
