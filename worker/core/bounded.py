"""Zstandard within bounds: a few bytes that somebody else put into Redis must not fill the memory.

Frames end with a checksum of their content (XXH64, 4 bytes), so that a byte that changed in Redis makes a
damaged value and not another id. Frames of older versions have none, and are read.
"""

from typing import Final

import zstandard

from worker.core.errors import DamagedRecordError

_UNTOLD: Final = -1
_MOST_WINDOW: Final = 2**23
"""Bytes that decompression may look back over, which it reserves; at our level it is a sixteenth of that."""


def compressed(content: bytes) -> bytes:
    """One frame, with the size and the checksum of `content`."""
    return zstandard.ZstdCompressor(level=1, write_checksum=True).compress(content)


def decompressed(blob: bytes, most: int) -> bytes:
    """At most `most` bytes.

    Raises `DamagedRecordError` for more, for what is no whole frame, and for content of another checksum.
    """
    try:
        size = zstandard.frame_content_size(blob)
        # A size that the frame itself tells is reserved at once, whatever bound is given.
        if size <= most:
            room = most if size == _UNTOLD else 0
            return zstandard.ZstdDecompressor(max_window_size=_MOST_WINDOW).decompress(
                blob, max_output_size=room, allow_extra_data=False
            )
    except zstandard.ZstdError as error:
        raise _unreadable("it is damaged") from error
    raise _unreadable(f"it would be more than {most:,} bytes")


def _unreadable(what: str) -> DamagedRecordError:
    return DamagedRecordError(
        f"a stored value cannot be unpacked: {what}; look for who wrote to Redis, and submit the list again"
    )
