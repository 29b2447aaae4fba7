"""What is compressed in the store is unpacked within bounds, and believed only where it is whole."""

import struct
import tracemalloc

import pytest
import zstandard

from worker.core.batches.record import Stored, check_stored
from worker.core.batches.slices import IDS, Slice, check_ids, holds_any, pack, unpack
from worker.core.bounded import decompressed
from worker.core.errors import DamagedRecordError
from worker.core.reporting.skipped import SkippedLine, pack_skipped, unpack_skipped

MB = 2**20
SAID = zstandard.ZstdCompressor(level=1)
UNSAID = zstandard.ZstdCompressor(level=1, write_content_size=False)


def streamed(data: bytes) -> bytes:
    """A frame that does not tell its size."""
    return UNSAID.compress(data)


def lying(size: int) -> bytes:
    """A few bytes that claim to be so many."""
    return b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", size) + b"\x01\x00\x00"


BOMBS = {
    "tells its size": lambda: SAID.compress(b"a" * 64 * MB),
    "does not": lambda: streamed(b"a" * 64 * MB),
    "lies": lambda: lying(2**40),
    "lies most": lambda: lying(2**63),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_before_it_takes_memory(name: str) -> None:
    bomb = BOMBS[name]()
    tracemalloc.start()
    try:
        for read in (lambda: unpack(b"1" + bomb), lambda: unpack_skipped(bomb)):
            with pytest.raises(DamagedRecordError):
                read()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 40 * MB


@pytest.mark.parametrize("compress", [SAID.compress, streamed])
def test_content_of_the_maximum_size_is_unpacked_and_one_byte_more_is_not(compress: object) -> None:
    assert callable(compress)
    assert decompressed(compress(b"a" * 1000), 1000) == b"a" * 1000
    assert decompressed(compress(b""), 1000) == b""
    with pytest.raises(DamagedRecordError):
        decompressed(compress(b"a" * 1001), 1000)


@pytest.mark.parametrize(
    "blob", [b"", b"junk", SAID.compress(b"x" * 100)[:-4], SAID.compress(b"x") + b"more"]
)
def test_an_incomplete_frame_is_reported_as_damaged(blob: bytes) -> None:
    with pytest.raises(DamagedRecordError):
        decompressed(blob, 1000)


def test_no_changed_bit_makes_another_id_or_another_skipped_line() -> None:
    part = Slice(("6f1c2a7e-0000-4000-8000-00000000000a", "another"), ((2, 1), (7, 1)))
    rows = [SkippedLine(3, "another", 2, ""), SkippedLine(4, None, None, "white space")]
    for blob, read, stored in ((pack(part), unpack, part), (pack_skipped(rows), unpack_skipped, rows)):
        for place in range(len(blob) * 8):
            changed = bytearray(blob)
            changed[place // 8] ^= 1 << place % 8
            try:
                # One bit of a frame's head means nothing.
                assert read(bytes(changed)) == stored, place
            except DamagedRecordError:
                continue


def test_a_slice_of_an_older_version_is_read_though_it_has_no_checksum() -> None:
    assert unpack(packed(b"2+1\none")) == Slice(("one",), ((2, 1),))


def packed(text: bytes) -> bytes:
    return b"1" + SAID.compress(text)


@pytest.mark.parametrize(
    "text",
    [
        b"1+2\na",
        b"1+1\na\nb",
        b"\na",
        b"1+0,1+1\na",
        b"1+-1,1+2\na",
        b"-5+1\na",
        b"1+2+3\na\nb",
        b"1\na",
        b"x+1\na",
        b"1+" + b"9" * 5000 + b"\na",
        b"1+1\n\xff\xfe",
        b"",
    ],
)
def test_a_slice_whose_lines_are_not_those_of_its_ids_is_damaged(text: bytes) -> None:
    with pytest.raises(DamagedRecordError):
        unpack(packed(text), 1)


def test_a_slice_of_another_size_than_its_job_says_is_damaged() -> None:
    part = Slice(("a", "b"), ((1, 2),))
    assert unpack(pack(part), 2) == part
    for expected in (1, 3):
        with pytest.raises(DamagedRecordError, match="2 ids, and its job says"):
            unpack(pack(part), expected)


def test_a_slice_of_the_longest_ids_on_lines_of_their_own_is_read() -> None:
    ids = tuple("\N{GRINNING FACE}" * 250 + f"{number:06}" for number in range(IDS))
    part = Slice(ids, tuple((10**9 + 2 * number, 1) for number in range(IDS)))
    assert unpack(pack(part), IDS) == part
    check_ids(part)
    assert holds_any(pack(part), [ids[-1]])


@pytest.mark.parametrize("token_id", ["", "a b", "a\x00", "x" * 257, "a\r"])
def test_a_slice_with_a_malformed_id_is_damaged(token_id: str) -> None:
    with pytest.raises(DamagedRecordError, match="its id 2 is none"):
        check_ids(Slice(("fine", token_id), ((1, 2),)))


WHOLE = Stored(b"A?.", b"\0" * 8, b"\0" * 4, b"\0" * 20)


@pytest.mark.parametrize(
    "stored",
    [
        Stored(b"AAAA", b"", b"", b""),
        Stored(b"AX", b"", b"", b""),
        Stored(b"\xff", b"", b"", b""),
        Stored(b"A", b"\0" * 7, b"", b""),
        Stored(b"A", b"\0" * 16, b"", b""),
        Stored(b"A", b"", b"\0" * 5, b""),
        Stored(b"A", b"", b"", b"\0" * 11),
    ],
)
def test_outcomes_that_are_not_as_we_write_them_are_damaged(stored: Stored) -> None:
    assert check_stored(WHOLE, 3) == WHOLE
    with pytest.raises(DamagedRecordError):
        check_stored(stored, 3)
