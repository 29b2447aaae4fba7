"""One row of the results: everything the record says of one line of the input."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import merge
from typing import Final, NamedTuple

import msgspec

from worker.core.job import AT_REST, State
from worker.core.outcome import Outcome
from worker.core.reason import Reason
from worker.core.record import Stored, spans_of
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


class Run(NamedTuple):
    """Rows of lines that follow each other, alike but for line and id."""

    lines: Sequence[int]
    ids: Sequence[str | None]
    outcome: Outcome
    reason: str | None = None
    message: str | None = None
    http_status: int | None = None
    attempts: int = 0
    finished_at: str | None = None

    def rows(self) -> Iterator[Row]:
        for line, token_id in zip(self.lines, self.ids, strict=True):
            yield Row(line, token_id, *self[2:])


def alone(row: Row) -> Run:
    return Run((row.line,), (row.id,), *msgspec.structs.astuple(row)[2:])


def job_end_reason(fields: Mapping[str, str]) -> Reason:
    """Why ids that were still moving when the job ended have the outcome that they have."""
    message = fields.get("reason_message") or fields.get("reason_code") or ""
    return Reason(f"JOB_{fields['state'].upper()}", message)


def job_runs(
    fields: Mapping[str, str],
    reasons: Mapping[int, str],
    slices: Iterable[tuple[Slice, Stored]],
    skipped: Iterable[SkippedLine],
) -> Iterator[Run]:
    """Every line of the input once, in order."""
    known = {number: parse_reason(text) for number, text in reasons.items()}
    ids = (run for part, stored in slices for run in _slice_runs(fields, known, part, stored))
    return merge(ids, map(_skipped, skipped), key=lambda run: run.lines[0])


def rows_of(runs: Iterable[Run]) -> Iterator[Row]:
    for run in runs:
        yield from run.rows()


def _skipped(line: SkippedLine) -> Run:
    return Run((line.line,), (line.token_id,), Outcome.SKIPPED, line.reason, line.message)


def _slice_runs(
    fields: Mapping[str, str], reasons: Mapping[int, Reason], part: Slice, stored: Stored
) -> Iterator[Run]:
    at_rest = State(fields["state"]) in AT_REST
    created_ms = int(fields["created_ms"])
    ended = job_end_reason(fields) if at_rest else None
    lines = tuple(part.lines())
    when: dict[int, str | None] = {}
    for start, end, entry in spans_of(stored, len(part.ids), at_rest=at_rest):
        reason = reasons.get(entry.reason) if entry.reason is not None else None
        if reason is None and entry.outcome in {Outcome.NOT_ATTEMPTED, Outcome.UNKNOWN}:
            reason = ended
        trial = entry.trial
        if trial is not None and trial.settled_ms not in when:
            when[trial.settled_ms] = timestamp(created_ms + trial.settled_ms)
        tail = (
            entry.outcome,
            reason.name if reason else None,
            # A message that names its id is of an id with a reason of its own, and that stands alone.
            reason.text_for(part.ids[start]) if reason else None,
            (trial.status or None) if trial else None,
            trial.attempts if trial else 0,
            when[trial.settled_ms] if trial else None,
        )
        for first, last in _stretches(lines, start, end):
            yield Run(lines[first:last], part.ids[first:last], *tail)


def _stretches(lines: Sequence[int], start: int, end: int) -> Iterator[tuple[int, int]]:
    """`start` to `end`, cut where other lines stand between: they may be rows too."""
    if lines[end - 1] - lines[start] == end - 1 - start:
        yield start, end
        return
    for place in range(start + 1, end):
        if lines[place] != lines[place - 1] + 1:
            yield start, place
            start = place
    yield start, end
