import itertools
import random
import uuid

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from worker.core.batches.batch import MAX_BATCH
from worker.core.batches.slices import BATCHES, IDS, Slice, holds_any, line_ranges_of, pack, unpack
from worker.core.errors import BulkActivateError
from worker.core.ids import MAX_ID_LENGTH, malformed

LINES = st.lists(st.integers(1, 60) | st.integers(1, 10**9), unique=True, max_size=60).map(sorted)
ID = st.text(min_size=1, max_size=12).filter(lambda text: malformed(text) is None)


@pytest.mark.parametrize(
    ("lines", "runs"),
    [
        pytest.param([], (), id="none"),
        pytest.param([7], ((7, 1),), id="one"),
        pytest.param([2, 3, 4], ((2, 3),), id="one run"),
        pytest.param([1, 2, 5, 6, 7, 9], ((1, 2), (5, 3), (9, 1)), id="three runs"),
        pytest.param([1, 3, 5], ((1, 1), (3, 1), (5, 1)), id="no two neighbours"),
    ],
)
def test_lines_are_kept_as_runs(lines: list[int], runs: tuple[tuple[int, int], ...]) -> None:
    assert line_ranges_of(lines) == runs


@given(LINES)
def test_runs_give_the_lines_back_and_none_could_be_joined(lines: list[int]) -> None:
    runs = line_ranges_of(lines)
    assert list(Slice((), runs).lines()) == lines
    for (first, count), (following, _) in itertools.pairwise(runs):
        assert first + count < following


@given(st.data())
def test_a_slice_comes_back_as_it_was_packed(data: st.DataObject) -> None:
    ids = data.draw(st.lists(ID, max_size=15))
    lines = sorted(data.draw(st.sets(st.integers(1, 40), min_size=len(ids), max_size=len(ids))))
    part = Slice(tuple(ids), line_ranges_of(lines))
    assert unpack(pack(part)) == part


def test_an_empty_slice_comes_back_empty() -> None:
    assert unpack(pack(Slice((), ()))) == Slice((), ())


def test_a_slice_of_the_longest_ids_comes_back() -> None:
    ids = tuple(f"{number:04}" + "\U0001f511" * (MAX_ID_LENGTH - 4) for number in range(IDS))
    part = Slice(ids, tuple((2 * number + 10**9, 1) for number in range(IDS)))
    assert unpack(pack(part)) == part


def test_a_slice_of_guids_is_just_under_a_class_of_the_allocator() -> None:
    chance = random.Random(1)
    ids = tuple(str(uuid.UUID(int=chance.getrandbits(128), version=4)) for _ in range(IDS))
    blob = pack(Slice(ids, ((2, IDS),)))
    assert len(blob) <= 56 * 1024


def test_a_slice_is_a_whole_number_of_batches() -> None:
    assert IDS == BATCHES * MAX_BATCH == 2880


@pytest.mark.parametrize("blob", [b"", b"0", b"2" + pack(Slice(("a",), ((1, 1),)))[1:], b"\x00"])
def test_another_format_is_refused_with_advice(blob: bytes) -> None:
    with pytest.raises(BulkActivateError, match="use the version that wrote it, or submit the list again"):
        unpack(blob)


def test_an_id_is_found_whole_or_not_at_all() -> None:
    blob = pack(Slice(("first", "in-between", "last"), ((2, 3),)))
    assert all(holds_any(blob, ["none", id_]) for id_ in ("first", "in-between", "last"))
    assert not holds_any(blob, ["fir", "between", "las", "2+3", ""])


def test_the_format_is_one_byte_before_a_zstandard_frame() -> None:
    blob = pack(Slice(("a", "b"), ((2, 1), (5, 1))))
    assert blob[:1] == b"1"
    assert zstandard.ZstdDecompressor().decompress(blob[1:]) == b"2+1,5+1\na\nb"
