"""One row of the results: everything the record says of one line of the input."""

from collections.abc import Iterable, Iterator, Mapping
from heapq import merge
from typing import Final

import msgspec

from worker.core.job import AT_REST, State
from worker.core.outcome import Outcome
from worker.core.reason import Reason
from worker.core.record import Stored, entries_of
from worker.core.report import parse_reason, timestamp
from worker.core.skipped import SkippedLine
from worker.core.slices import Slice

COLUMNS: Final = ("line", "id", "outcome", "reason", "message", "http_status", "attempts", "finished_at")


class Row(msgspec.Struct, frozen=True):
    """In the order of `COLUMNS`. `id` is None for a malformed line, which is described, not quoted."""

    line: int
    id: str | None
    outcome: Outcome
    reason: str | None = None
    message: str | None = None
    http_status: int | None = None
    attempts: int = 0
    finished_at: str | None = None


def job_end_reason(fields: Mapping[str, str]) -> Reason:
    """Why ids that were still moving when the job ended have the outcome that they have."""
    message = fields.get("reason_message") or fields.get("reason_code") or ""
    return Reason(f"JOB_{fields['state'].upper()}", message)


def job_rows(
    fields: Mapping[str, str],
    reasons: Mapping[int, str],
    slices: Iterable[tuple[Slice, Stored]],
    skipped: Iterable[SkippedLine],
) -> Iterator[Row]:
    """Every line of the input once, in order."""
    known = {number: parse_reason(text) for number, text in reasons.items()}
    ids = (row for part, stored in slices for row in _slice_rows(fields, known, part, stored))
    yield from merge(ids, map(_skipped_row, skipped), key=lambda row: row.line)


def _skipped_row(line: SkippedLine) -> Row:
    return Row(line.line, line.token_id, Outcome.SKIPPED, line.reason, line.message)


def _slice_rows(
    fields: Mapping[str, str], reasons: Mapping[int, Reason], part: Slice, stored: Stored
) -> Iterator[Row]:
    at_rest = State(fields["state"]) in AT_REST
    created_ms = int(fields["created_ms"])
    ended = job_end_reason(fields) if at_rest else None
    entries = entries_of(stored, len(part.ids), at_rest=at_rest)
    for line, token_id, entry in zip(part.lines(), part.ids, entries, strict=True):
        reason = reasons.get(entry.reason) if entry.reason is not None else None
        if reason is None and entry.outcome in {Outcome.NOT_ATTEMPTED, Outcome.UNKNOWN}:
            reason = ended
        trial = entry.trial
        yield Row(
            line,
            token_id,
            entry.outcome,
            reason.name if reason else None,
            reason.text_for(token_id) if reason else None,
            (trial.status or None) if trial else None,
            trial.attempts if trial else 0,
            timestamp(created_ms + trial.settled_ms) if trial else None,
        )
