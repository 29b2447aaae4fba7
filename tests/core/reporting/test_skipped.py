import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.errors import DamagedRecordError
from worker.core.ids import MAX_ID_LENGTH
from worker.core.reporting.skipped import CHUNK, SkippedLine, pack_skipped, unpack_skipped

LINE = st.integers(1, 2**53)
DUPLICATE = st.builds(SkippedLine, LINE, st.text(max_size=30), LINE, st.just(""))
MALFORMED = st.builds(SkippedLine, LINE, st.none(), st.none(), st.text(max_size=30))


def test_a_duplicate_names_the_line_that_it_repeats() -> None:
    line = SkippedLine(9, "some-id", 4, "")
    assert (line.reason, line.message) == ("DUPLICATE", "first on line 4")


def test_a_malformed_line_says_why() -> None:
    line = SkippedLine(9, None, None, "empty id")
    assert (line.reason, line.message) == ("MALFORMED", "empty id")


@given(st.lists(DUPLICATE | MALFORMED, max_size=30))
def test_skipped_lines_come_back_as_they_were_packed(rows: list[SkippedLine]) -> None:
    assert unpack_skipped(pack_skipped(rows)) == rows


def test_a_full_chunk_of_the_longest_ids_comes_back() -> None:
    rows = [SkippedLine(line, "\U0001f511" * MAX_ID_LENGTH, 1, "") for line in range(CHUNK)]
    assert unpack_skipped(pack_skipped(rows)) == rows


def test_a_damaged_chunk_of_skipped_lines_is_rejected() -> None:
    with pytest.raises(DamagedRecordError):
        unpack_skipped(pack_skipped([SkippedLine("x", None, None, "")]))  # type: ignore[arg-type] # The point.
