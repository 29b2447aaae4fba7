import struct
from collections.abc import Iterable, Iterator, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.batches.record import Stored
from worker.core.batches.slices import Slice, line_ranges_of
from worker.core.job import AT_REST, State
from worker.core.outcome import Outcome
from worker.core.reason import ID_PLACEHOLDER, Reason
from worker.core.reporting.rows import COLUMNS, Row, job_end_reason, row_spans, single_row
from worker.core.reporting.rows import rows_of as row_by_row
from worker.core.reporting.skipped import SkippedLine

CREATED = 1_795_471_200_000
"""2026-11-23T22:00:00.000Z."""
TRIAL = bytes([2, 0, 200, 0, 0, 0, 5, 220])
"""Two attempts, status 200, a second and a half after the job was made."""
LATER = "2026-11-23T22:00:01.500Z"
REASONS = {1: f"GONE\x00200\x00{ID_PLACEHOLDER} is gone", 2: "HTTP_503\x00503\x00"}


def fields(state: State = State.RUNNING, **more: str) -> dict[str, str]:
    return {"state": state, "created_ms": str(CREATED), **more}


def job_rows(
    fields: Mapping[str, str],
    reasons: Mapping[int, str],
    slices: Iterable[tuple[Slice, Stored]],
    skipped: Iterable[SkippedLine],
) -> Iterator[Row]:
    return row_by_row(row_spans(fields, reasons, slices, skipped))


def rows_of(
    outcomes: str, *, reasons: dict[int, int] | None = None, state: State = State.RUNNING, **more: str
) -> list[Row]:
    """The rows of one slice whose ids are a, b, c ... on lines 1, 2, 3 ..."""
    part = Slice(tuple("abcdefghij"[: len(outcomes)]), ((1, len(outcomes)),))
    why = b"".join(struct.pack(">HH", *pair) for pair in (reasons or {}).items())
    return list(
        job_rows(fields(state, **more), REASONS, [(part, Stored(outcomes.encode(), TRIAL, why, b""))], [])
    )


def test_a_row_tells_everything_about_an_id() -> None:
    assert rows_of("F", reasons={0: 1}) == [Row(1, "a", Outcome.FAILED, "GONE", "a is gone", 200, 2, LATER)]


def test_an_id_that_was_activated_needs_no_reason() -> None:
    assert rows_of("A") == [Row(1, "a", Outcome.ACTIVATED, None, None, 200, 2, LATER)]


def test_an_id_that_was_not_sent_has_only_its_outcome() -> None:
    assert rows_of(".") == [Row(1, "a", Outcome.PENDING)]


def test_a_request_without_an_answer_has_no_status() -> None:
    no_status = bytes([1, 0, 0, 0, 0, 0, 0, 0])
    part = Slice(("a",), ((1, 1),))
    row = next(job_rows(fields(), {}, [(part, Stored(b"?", no_status, b"", b""))], []))
    assert (row.http_status, row.attempts, row.finished_at) == (None, 1, "2026-11-23T22:00:00.000Z")


def test_a_reason_that_is_not_in_the_table_is_none() -> None:
    assert rows_of("F", reasons={0: 99})[0].reason is None


@pytest.mark.parametrize("state", sorted(set(State) - AT_REST))
def test_pending_ids_of_an_unfinished_job_stay_pending_without_a_reason(state: State) -> None:
    rows = rows_of(".?", state=state)
    assert [(row.outcome, row.reason) for row in rows] == [(Outcome.PENDING, None), (Outcome.AMBIGUOUS, None)]


@pytest.mark.parametrize("state", sorted(AT_REST))
def test_open_ids_of_a_job_at_rest_have_the_end_of_the_job_as_their_reason(state: State) -> None:
    rows = rows_of(".?A", state=state, reason_message="stopped by hand", reason_code="user")
    name = f"JOB_{state.upper()}"
    assert [(row.outcome, row.reason, row.message) for row in rows] == [
        (Outcome.NOT_ATTEMPTED, name, "stopped by hand"),
        (Outcome.UNKNOWN, name, "stopped by hand"),
        (Outcome.ACTIVATED, None, None),
    ]


def test_an_unknown_id_with_a_reason_of_its_own_keeps_it_at_rest() -> None:
    row = rows_of("U", reasons={0: 2}, state=State.CANCELLED)[0]
    assert (row.outcome, row.reason, row.message) == (Outcome.UNKNOWN, "HTTP_503", "")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        pytest.param({"reason_message": "the end", "reason_code": "user"}, "the end", id="by its message"),
        pytest.param({"reason_message": "", "reason_code": "deadline"}, "deadline", id="else by its code"),
        pytest.param({}, "", id="else by its state alone"),
    ],
)
def test_the_end_of_a_job_is_named(more: dict[str, str], message: str) -> None:
    assert job_end_reason(fields(State.EXPIRED, **more)) == Reason("JOB_EXPIRED", message)


def test_a_row_alone_is_a_run_of_itself() -> None:
    (row,) = rows_of("F", reasons={0: 1})
    assert list(single_row(row).rows()) == [row]


def test_skipped_lines_are_rows_at_their_places() -> None:
    part = Slice(("a", "b"), ((2, 1), (5, 1)))
    skipped = [SkippedLine(1, None, None, "empty id"), SkippedLine(4, "a", 2, "")]
    rows = job_rows(fields(), {}, [(part, Stored(b"", b"", b"", b""))], skipped)
    assert list(rows) == [
        Row(1, None, Outcome.SKIPPED, "MALFORMED", "empty id"),
        Row(2, "a", Outcome.PENDING),
        Row(4, "a", Outcome.SKIPPED, "DUPLICATE", "first on line 2"),
        Row(5, "b", Outcome.PENDING),
    ]


@given(st.lists(st.booleans(), max_size=40), st.integers(1, 7))
def test_every_line_is_one_row_in_the_order_of_the_input(kept: list[bool], per_slice: int) -> None:
    lines = [line for line, keep in enumerate(kept, 1) if keep]
    skipped = [SkippedLine(line, None, None, "why") for line, keep in enumerate(kept, 1) if not keep]
    cuts = [lines[at : at + per_slice] for at in range(0, len(lines), per_slice)]
    parts = [(Slice(tuple(map(str, cut)), line_ranges_of(cut)), Stored(b"", b"", b"", b"")) for cut in cuts]
    rows = list(job_rows(fields(), {}, parts, skipped))
    assert [row.line for row in rows] == list(range(1, len(kept) + 1))
    assert [row.id for row in rows] == [str(line) if keep else None for line, keep in enumerate(kept, 1)]


def test_a_slice_is_read_only_when_its_rows_are_asked_for() -> None:
    stream = iter(
        [(Slice((name,), ((line, 1),)), Stored(b"", b"", b"", b"")) for line, name in ((1, "a"), (2, "b"))]
    )
    next(job_rows(fields(), {}, stream, []))
    assert next(stream)[0].ids == ("b",)


def test_the_columns_are_those_of_the_interface() -> None:
    assert Row.__struct_fields__ == COLUMNS
    assert COLUMNS == ("line", "id", "outcome", "reason", "message", "http_status", "attempts", "finished_at")
