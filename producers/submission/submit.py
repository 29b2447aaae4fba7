"""Makes a job from a list: checks the list, stores its slices and starts the job."""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec

from producers.reading import (
    Duplicate,
    IdSpan,
    Malformed,
    Manifest,
    ManifestCounter,
    Piece,
    Source,
    Survey,
    check_no_secrets,
    read_list,
    reading_of,
    survey,
)
from producers.submission.request import JobRequest, request_fields
from worker.core.batches.slices import IDS, Slice, line_ranges_of
from worker.core.reporting.skipped import CHUNK, SkippedLine
from worker.store.jobs import JobStore
from worker.store.script_calls import Ticket

_SLICES_PER_ROUND_TRIP: Final = 16
"""Slices stored per round trip to Redis, about 1 MB."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What a submission has led to."""

    job_id: str
    new: bool
    """Whether this submission made the job; an earlier one with the same request id may have."""
    tickets: list[Ticket]
    """Slices for which messages have to be sent."""
    survey: Survey | None = None
    """First and last id and warnings, from the first pass over the list."""


def submit(source: Source, request: JobRequest, store: JobStore) -> Submission:
    """Stores the list as a job and starts it. The store ends up with the whole job or without it.

    Raises `BadInputError`, `RequestIdTakenError` and `RedisError`.
    """
    check_no_secrets(source, request.options)
    surveyed = survey(source, request.options)
    job_id, new = store.create(
        new_job_id(),
        request_fields(request),
        request_id=request.request_id,
        fingerprint=fingerprint(source, request),
        fresh=request.fresh,
    )
    if not new and store.field(job_id, "state") != "preparing":
        return Submission(job_id, new=False, tickets=[], survey=surveyed)
    pieces = read_list(source, request.options, surveyed)
    tickets = store_list(store, job_id, request, pieces, source.sha256, new=new)
    return Submission(job_id, new=True, tickets=tickets, survey=surveyed)


def store_list(
    store: JobStore,
    job_id: str,
    request: JobRequest,
    pieces: Iterable[Piece],
    sha256: str | None,
    *,
    new: bool = True,
) -> list[Ticket]:
    """Stores `pieces` in the job, which is 'preparing', and starts it; an error removes the job.

    With `new` false another process began the upload and may still be at it: then a sweep removes the job.
    """
    upload = Upload(store, job_id)
    try:
        manifest = upload.store(pieces, sha256)
    except BaseException:
        if new:
            store.discard(job_id)
        raise
    fields = {"manifest": msgspec.json.encode(manifest).decode()}
    return store.start_job(
        job_id, fields, total=manifest.unique, slices=upload.slices, deadline=request.deadline
    )


def fingerprint(source: Source, request: JobRequest) -> str:
    """Identifies a request: a hash over the list's bytes, how they are read, and the organization."""
    reading = reading_of(source, request.options)
    parts = (source.sha256, request.org_id, reading, request.fingerprint_extra)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def new_job_id() -> str:
    """A new id that sorts by time of creation and ends in random digits."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"


class Upload:
    """Cuts a list into slices, and skipped lines into chunks, and stores each as it fills."""

    def __init__(self, store: JobStore, job_id: str) -> None:
        self._store = store
        self._job_id = job_id
        self._ids: list[str] = []
        self._lines: list[int] = []
        self._full_slices: list[tuple[int, Slice]] = []
        self._skipped: list[SkippedLine] = []
        self._chunks = 0
        self.slices = 0
        """Number of slices cut so far."""

    def store(self, pieces: Iterable[Piece], sha256: str | None) -> Manifest:
        counter = ManifestCounter()
        for piece in pieces:
            counter.count(piece)
            if isinstance(piece, IdSpan):
                self._ids += piece.ids
                self._lines += piece.lines
                while len(self._ids) >= IDS:
                    self._cut()
            else:
                self._skip(piece)
        if self._ids:
            self._cut()
        self._flush()
        self._flush_skipped()
        return counter.manifest(sha256)

    def _cut(self) -> None:
        self._full_slices.append(
            (self.slices, Slice(tuple(self._ids[:IDS]), line_ranges_of(self._lines[:IDS])))
        )
        self.slices += 1
        self._ids, self._lines = self._ids[IDS:], self._lines[IDS:]
        if len(self._full_slices) == _SLICES_PER_ROUND_TRIP:
            self._flush()

    def _flush(self) -> None:
        if self._full_slices:
            self._store.put_slices(self._job_id, self._full_slices)
            self._full_slices = []

    def _skip(self, row: Malformed | Duplicate) -> None:
        if isinstance(row, Malformed):
            self._skipped.append(SkippedLine(row.line, None, None, row.why))
        else:
            self._skipped.append(SkippedLine(row.line, row.id, row.first_line, ""))
        if len(self._skipped) == CHUNK:
            self._flush_skipped()

    def _flush_skipped(self) -> None:
        if self._skipped:
            self._store.put_skipped(self._job_id, self._chunks, self._skipped)
            self._chunks += 1
            self._skipped = []
