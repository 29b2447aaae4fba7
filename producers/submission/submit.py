"""Makes a job from a list: checks the list, stores its slices and starts the job."""

import getpass
import hashlib
import secrets
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import msgspec

from producers.reading import (
    Duplicate,
    IdSpan,
    InputOptions,
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
from worker.core.batches.slices import IDS, Slice, line_ranges_of
from worker.core.reporting.skipped import CHUNK, SkippedLine
from worker.store.jobs import JobStore
from worker.store.script_calls import Ticket
from worker.telemetry.traces.interface import TRACEPARENT

_SLICES_PER_ROUND_TRIP: Final = 16
"""Slices stored per round trip to Redis, about 1 MB."""


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A submission without its list: the options of `submit`, `run` or `retry`."""

    org_id: str
    options: InputOptions = field(default_factory=InputOptions)
    request_id: str | None = None
    fresh: bool = False
    """Whether a request id whose job rests makes a new job instead of returning that one."""
    fingerprint_extra: str = ""
    """More text that tells requests apart; `run` adds the API's URL."""
    labels: dict[str, str] = field(default_factory=dict)
    deadline: float | None = None
    """Seconds from submission."""
    max_failures: int | None = None
    max_failure_ratio: float | None = None
    weight: int = 1
    created_by: str | None = None
    parent_job_id: str | None = None
    """The job whose ids this one retries."""
    root_job_id: str | None = None
    """The first job of that family."""
    traceparent: str | None = None
    """The span of this submission, if it is traced (W3C Trace Context)."""
    folder_due: bool = False
    """Whether the store remembers that the results folder of this job has to be written."""
    api_url: str | None = None
    """The API that the job is bound to; None binds it to the API of the worker that claims it first."""


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


def whoami() -> str:
    """`user@host` of this process, recorded as the actor of what it does."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


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


def request_fields(request: JobRequest) -> dict[str, str]:
    """The fields of the job's hash in Redis that come from the request."""
    fields = {
        "org_id": request.org_id,
        "created_by": request.created_by or whoami(),
        "labels": msgspec.json.encode(request.labels).decode(),
        "weight": str(request.weight),
    }
    optional = {
        "request_id": request.request_id,
        "parent_job_id": request.parent_job_id,
        "root_job_id": request.root_job_id,
        "max_failures": request.max_failures,
        "max_failure_ratio": request.max_failure_ratio,
        TRACEPARENT: request.traceparent,
        "api_url": request.api_url,
        "folder_due": 1 if request.folder_due else None,
    }
    fields |= {name: str(value) for name, value in optional.items() if value is not None}
    return fields
