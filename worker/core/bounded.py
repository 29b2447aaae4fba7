"""Zstandard with a bound on the unpacked size: a few forged bytes in Redis must not exhaust the memory.

Frames end with a checksum of their content (XXH64, 4 bytes), so that a changed byte is detected and does not
become another id. Frames of older versions have none, and are read without the check.
"""

from typing import Final

import zstandard

from worker.core.errors import DamagedRecordError

_SIZE_UNKNOWN: Final = -1
_MAX_WINDOW: Final = 2**23
"""Maximum window in bytes, which decompression allocates; the window of level 1 is a sixteenth of that."""


def compressed(content: bytes) -> bytes:
    """Compresses `content` into one frame, with its size and checksum."""
    return zstandard.ZstdCompressor(level=1, write_checksum=True).compress(content)


def decompressed(blob: bytes, most: int) -> bytes:
    """Unpacks one frame of at most `most` bytes of content.

    Raises `DamagedRecordError` for more content, an incomplete frame or a wrong checksum.
    """
    try:
        size = zstandard.frame_content_size(blob)
        # The library allocates the size stated in the frame at once, whatever `max_output_size` is.
        if size <= most:
            max_output = most if size == _SIZE_UNKNOWN else 0
            return zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW).decompress(
                blob, max_output_size=max_output, allow_extra_data=False
            )
    except zstandard.ZstdError as error:
        raise _unreadable("it is damaged") from error
    raise _unreadable(f"it would be more than {most:,} bytes")


def _unreadable(what: str) -> DamagedRecordError:
    return DamagedRecordError(
        f"a stored value cannot be unpacked: {what}; look for who wrote to Redis, and submit the list again"
    )
