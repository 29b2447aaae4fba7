import errno
import gzip
import hashlib
import io
import os
import random
import resource
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from producers.reading import InputOptions, Source, Wellformed
from tests.producers.reading.rows import Row, read_rows
from worker.core.errors import BadInputError

Read = Callable[..., list[Row]]


def rows(source: Source) -> list[Row]:
    return list(read_rows(source, InputOptions()))


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    path = tmp_path / "ids.txt"
    path.write_bytes(b"a\r\nb\n")
    return path


def test_the_hash_is_over_the_bytes_as_given(listed: Path) -> None:
    packed = listed.with_name("ids.txt.gz")
    packed.write_bytes(gzip.compress(listed.read_bytes()))
    for path in (listed, packed):
        with Source.open(str(path)) as source:
            assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
            assert source.size == path.stat().st_size
            assert source.name == str(path)
            assert source.is_gzip == (path is packed)
            assert rows(source) == [Wellformed(1, "a"), Wellformed(2, "b")]


def test_standard_input_is_kept_where_only_this_process_finds_it() -> None:
    data = b"a\nb\n"
    with Source.open("-", io.BytesIO(data)) as source:
        state = os.fstat(source._file.fileno())
        assert stat.S_IMODE(state.st_mode) == 0o600
        assert state.st_nlink == 0
        assert source.name == "standard input"
        assert (source.sha256, source.size) == (hashlib.sha256(data).hexdigest(), len(data))
        assert rows(source) == rows(source) == [Wellformed(1, "a"), Wellformed(2, "b")]
    assert source._file.closed


def test_the_own_standard_input_is_the_default(listed: Path) -> None:
    program = "from producers.reading import Source; print(Source.open('-').sha256)"
    data = listed.read_bytes()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        input=data,
        capture_output=True,
        check=True,
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout.decode().strip() == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("name", ["packed", "packed.txt", "packed.gz", "PACKED.GZ"])
def test_gzip_is_known_by_its_first_bytes_whatever_the_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(b"\xef\xbb\xbfa\n") + gzip.compress(b"b\n"))
    with Source.open(str(path)) as source:
        assert rows(source) == [Wellformed(1, "a"), Wellformed(2, "b")]


def test_gzip_is_known_on_standard_input() -> None:
    with Source.open("-", io.BytesIO(gzip.compress(b"a\n"))) as source:
        assert source.is_gzip
        assert rows(source) == [Wellformed(1, "a")]


def test_a_pipe_is_read_like_standard_input(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(b"a\n",))
    writer.start()
    with Source.open(str(path)) as source:
        writer.join()
        assert rows(source) == rows(source) == [Wellformed(1, "a")]


def test_an_empty_device_is_an_empty_list() -> None:
    with Source.open("/dev/null") as source:
        assert (source.size, rows(source)) == (0, [])


PACKED = gzip.compress(random.Random(1).randbytes(50_000).hex().encode(), mtime=0)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("x.gz", PACKED[:-1], "the gzip data is cut short"),
        ("x.gz", PACKED[:-8], "the gzip data is cut short"),
        ("x.gz", PACKED[: len(PACKED) // 2], "the gzip data is cut short"),
        ("x.gz", PACKED[:5], "the gzip data is cut short"),
        ("x.gz", b"", "the gzip data is cut short"),
        ("x.gz", b"plain\n", "not gzip, or damaged"),
        ("x.txt", PACKED + b"trailing", "not gzip, or damaged"),
        ("x.txt", PACKED[:-8] + bytes(4) + PACKED[-4:], "not gzip, or damaged"),
        ("x.txt", PACKED[:1000] + bytes(1000) + PACKED[2000:], "not gzip, or damaged"),
    ],
    ids=[
        "last byte gone",
        "trailer gone",
        "half gone",
        "head cut",
        "empty",
        "never gzip",
        "bytes after the end",
        "wrong checksum",
        "hole inside",
    ],
)
def test_what_is_no_whole_text_is_refused_before_any_row(
    tmp_path: Path, name: str, data: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(BadInputError, match=message) as caught:
        Source.open(str(path))
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("missing.txt", "No such file or directory; expected a file, or - for standard input"),
        (".", "Is a directory; expected a file"),
        ("ids.txt/x", "Not a directory"),
    ],
)
def test_what_cannot_be_opened_is_named(listed: Path, path: str, message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        Source.open(str(listed.parent / path))


class Failing(io.RawIOBase):
    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object, /) -> int:
        raise OSError(errno.EIO, "Input/output error")


def test_standard_input_that_fails_is_named() -> None:
    with pytest.raises(BadInputError, match=r"standard input: copying it to .* failed: Input/output error"):
        Source.open("-", io.BufferedReader(Failing()))


@pytest.mark.parametrize("size", [6000, 100_000])
def test_standard_input_that_the_disk_has_no_room_for_is_named(size: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # As a full disk does, it fails a write: of the shorter list that at its end, and again at the close.
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(BadInputError, match=r"copying it to .* failed: File too large; TMPDIR can"):
            Source.open("-", io.BytesIO(b"a-b-c-d-e\n" * (size // 10)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_file_that_grows_is_found_at_the_end_of_the_pass(listed: Path) -> None:
    with Source.open(str(listed)) as source:
        passing = read_rows(source, InputOptions())
        with listed.open("ab") as file:
            file.write(b"c\n")
        with pytest.raises(BadInputError, match="changed while it was read"):
            list(passing)


def test_a_file_rewritten_at_the_same_size_is_found(listed: Path) -> None:
    with Source.open(str(listed)) as source:
        before = listed.stat().st_mtime_ns
        listed.write_bytes(b"x\r\ny\n")
        os.utime(listed, ns=(before + 1, before + 1))
        with pytest.raises(BadInputError, match="changed while it was read"):
            rows(source)


def test_a_packed_file_cut_meanwhile_is_said_to_have_changed(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(PACKED)
    with Source.open(str(path)) as source:
        os.truncate(path, 1000)
        with pytest.raises(BadInputError, match="changed while it was read"):
            rows(source)


def test_another_file_in_its_place_does_no_harm(listed: Path) -> None:
    other = listed.with_name("other")
    other.write_bytes(b"other\n")
    with Source.open(str(listed)) as source:
        other.replace(listed)
        assert rows(source) == [Wellformed(1, "a"), Wellformed(2, "b")]
