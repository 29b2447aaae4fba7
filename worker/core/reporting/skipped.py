"""Packs and unpacks skipped lines: duplicate and malformed lines of the input.

They are stored as compressed chunks of MessagePack rows, and appear in the results at their lines.
"""

from typing import Final

import msgspec

from worker.core.bounded import compressed, decompressed
from worker.core.errors import DamagedRecordError

CHUNK: Final = 4096
"""Maximum rows in a chunk."""

_MAX_BYTES: Final = CHUNK * 4096
"""Maximum bytes of an unpacked chunk. A row has an id of at most 256 characters or a sentence, and two
numbers."""


MALFORMED: Final = "MALFORMED"


class SkippedLine(msgspec.Struct, frozen=True, array_like=True):
    """A duplicate line (with `token_id` and `first_line`) or a malformed one (with `why`)."""

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
    """The rows of a chunk. Raises `DamagedRecordError` if `blob` is not a valid chunk."""
    try:
        return _decoder.decode(decompressed(blob, _MAX_BYTES))
    except msgspec.DecodeError as error:
        raise DamagedRecordError(
            "stored rows of skipped lines are damaged: look for who wrote to Redis, and submit the list again"
        ) from error
