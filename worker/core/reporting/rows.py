"""Builds the rows of the results: one per line of the input."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import merge
from itertools import accumulate, chain
from typing import Final

import msgspec

from worker.core.batches.record import LastAttempt, Stored, spans_of
from worker.core.batches.slices import Slice
from worker.core.job import AT_REST, State
from worker.core.outcome import Outcome
from worker.core.reason import Reason
from worker.core.reporting.failures import parse_reason
from worker.core.reporting.skipped import SkippedLine
from worker.core.timestamp import timestamp

COLUMNS: Final = ("line", "id", "outcome", "reason", "message", "http_status", "attempts", "finished_at")


_NOT_ATTEMPTED: Final = Outcome.NOT_ATTEMPTED
_UNKNOWN: Final = Outcome.UNKNOWN
# Looked up once, as in `record`.


class Row(msgspec.Struct, frozen=True):
    """A row of the results, its fields in the order of `COLUMNS`. `id` is None for a malformed line."""

    line: int
    id: str | None
    outcome: Outcome
    reason: str | None = None
    message: str | None = None
    http_status: int | None = None
    attempts: int = 0
    finished_at: str | None = None


class RowSpan(msgspec.Struct, frozen=True):
    """Rows of consecutive lines that differ in line and id only."""

    lines: Sequence[int]
    ids: Sequence[str | None]
    like: Row
    """A row with the shared values; its own line and id are not used."""

    def rows(self) -> Iterator[Row]:
        _, _, *alike = msgspec.structs.astuple(self.like)
        for line, token_id in zip(self.lines, self.ids, strict=True):
            yield Row(line, token_id, *alike)


def single_row(row: Row) -> RowSpan:
    return RowSpan((row.line,), (row.id,), row)


def job_end_reason(fields: Mapping[str, str]) -> Reason:
    """The reason for ids that were still open when the job ended."""
    message = fields.get("reason_message") or fields.get("reason_code") or ""
    return Reason(f"JOB_{fields['state'].upper()}", message)


def row_spans(
    fields: Mapping[str, str],
    reasons: Mapping[int, str],
    slices: Iterable[tuple[Slice, Stored]],
    skipped: Iterable[SkippedLine],
) -> Iterator[RowSpan]:
    """Yields every line of the input once, in order.

    `fields`: the job's hash in Redis. `reasons`: stored texts by number. `slices` and `skipped`: in the order
    of lines.
    """
    known = {number: parse_reason(text) for number, text in reasons.items()}
    # A chain rather than a loop: there are many spans, and it passes them on without a Python frame each.
    ids = chain.from_iterable(_slice_spans(fields, known, part, stored) for part, stored in slices)
    return merge(ids, map(_skipped, skipped), key=lambda span: span.lines[0])


def rows_of(spans: Iterable[RowSpan]) -> Iterator[Row]:
    for span in spans:
        yield from span.rows()


def _skipped(line: SkippedLine) -> RowSpan:
    return single_row(Row(line.line, line.token_id, Outcome.SKIPPED, line.reason, line.message))


def _slice_spans(
    fields: Mapping[str, str], reasons: Mapping[int, Reason], part: Slice, stored: Stored
) -> Iterator[RowSpan]:
    at_rest = State(fields["state"]) in AT_REST
    created_ms = int(fields["created_ms"])
    ended = job_end_reason(fields) if at_rest else None
    ids, lines = part.ids, tuple(part.lines())
    # Spans end where lines are not consecutive: the lines between may be skipped lines, with rows of their
    # own.
    cuts = accumulate(count for _, count in part.line_ranges)
    shown: LastAttempt | None = None
    finished_at: str | None = None
    for start, end, entry in spans_of(stored, len(ids), at_rest=at_rest, cuts=cuts):
        outcome, last_attempt, number = entry.outcome, entry.last_attempt, entry.reason
        if last_attempt is not shown:
            # Neighbouring spans often share the attempt: its time is formatted once.
            shown, finished_at = (
                last_attempt,
                timestamp(created_ms + last_attempt.settled_ms) if last_attempt else None,
            )
        reason = None if number is None else reasons.get(number)
        if reason is None and (outcome is _NOT_ATTEMPTED or outcome is _UNKNOWN):
            reason = ended
        like = Row(
            lines[start],
            ids[start],
            outcome,
            reason.name if reason else None,
            # A message that contains the id belongs to a span of that one id.
            reason.text_for(ids[start]) if reason else None,
            (last_attempt.status or None) if last_attempt else None,
            last_attempt.attempts if last_attempt else 0,
            finished_at,
        )
        yield RowSpan(lines[start:end], ids[start:end], like)
