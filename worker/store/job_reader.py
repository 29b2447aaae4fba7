"""The record as it is read: jobs, slices, the rate of an organization, live workers. Blocking calls."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, cast

import redis
from redis.exceptions import OutOfMemoryError, ResponseError

from worker.core.batches.record import Stored, check_stored
from worker.core.batches.slices import Slice, holds_any, unpack
from worker.core.errors import (
    BulkActivateError,
    DamagedRecordError,
    NoSuchJobError,
)
from worker.core.job import (
    AT_REST,
    FIRST_VERSION,
    READABLE_VERSIONS,
    ReasonCode,
    State,
)
from worker.core.reporting.skipped import SkippedLine, unpack_skipped
from worker.core.scope import Scope
from worker.core.unserved import other_version
from worker.store import keys
from worker.store.connect import is_mendable

WORKERS_WITHIN_MS: Final = 10_000
"""Milliseconds of silence after which a worker process is not counted as alive; it beats each second."""

_READ_AHEAD: Final = 8
"""Slices fetched in one round trip when results are streamed."""

_NAMED: Final = 10
"""Maximum slices that an error message lists."""

_LOOKED_THROUGH: Final = 64
"""Slices fetched in one round trip when an id is looked for, about 4 MB."""

BUDGET_FIELDS: Final = ("override", "label", "ceiling", "rate", "hold_us")


@dataclass(frozen=True, slots=True)
class RawJob:
    """A job's values as stored, for `worker.core.reporting.report` to read."""

    fields: Mapping[str, str]
    history: Sequence[str]
    reasons: Mapping[int, str]
    reason_counts: Mapping[int, int]
    samples: Mapping[int, str]
    timeline: Mapping[str, str]
    now_ms: int
    """The store's clock when it was read."""


@dataclass(frozen=True, slots=True)
class StoredSlice:
    part: Slice
    stored: Stored


@dataclass(frozen=True, slots=True)
class RawBudget:
    """The stored rate of an organization; without values before its first request."""

    configured: str | None
    rate: float | None
    held_until_ms: float


@dataclass(frozen=True, slots=True)
class StoreLocation:
    """Which Redis a store is in, for messages that name the next command."""

    name: str = "this Redis"
    flag: str = ""
    """The option that leads a command there."""
    at_work: bool = True
    """Whether jobs in it are worked on; False where only a command keeps it running."""

    @property
    def no_job(self) -> str:
        """What to do where a job is not found."""
        other = "" if self.flag else "; a job of `run` is reached with --local"
        return f"`bulk-activate list{self.flag}` shows those that are there{other}"


def raw_budget(values: Sequence[bytes | None]) -> RawBudget:
    """`values`: those of `BUDGET_FIELDS`."""
    override, label, ceiling, rate, hold_us = (None if value is None else value.decode() for value in values)
    current = min(float(rate), float(ceiling)) if rate and ceiling else None
    # An order is in force as soon as it is given, even before a worker asks.
    return RawBudget(override or label, current, float(hold_us or 0) / 1000)


HERE: Final = StoreLocation()


class JobReader:
    """Reads the record, over one Redis client."""

    def __init__(self, client: redis.Redis, where: StoreLocation = HERE) -> None:
        self._redis = client
        self.where = where

    def job_of(self, request_id: str) -> str | None:
        """The job that `request_id` made last, as long as it is there."""
        known = cast("bytes | None", self._redis.get(keys.request(request_id)))
        job_id = None if known is None else known.decode().split(" ")[0]
        return None if job_id is None or self.field(job_id, "state") is None else job_id

    def owes_folder(self, job_id: str) -> bool:
        """Whether a job of `run` ended by itself, and its results folder was never written."""
        state, due = self.field(job_id, "state"), self.field(job_id, "folder_due")
        return due is not None and state in AT_REST and state != State.CANCELLED

    def now_ms(self) -> int:
        """The store's clock, in milliseconds; no other clock counts."""
        seconds, micros = self._redis.time()
        return seconds * 1000 + micros // 1000

    def family(self, root_job_id: str) -> list[str]:
        """The jobs that `retry` made of a job and of its children, in the order of their launch."""
        found = self._redis.lrange(keys.job(root_job_id, "family"), 0, -1)
        return keys.job_ids(cast("list[bytes]", found))

    def read(self, job_id: str) -> RawJob:
        """Everything about a job except its ids. Raises `NoSuchJobError` and `DamagedRecordError`."""
        with damage(job_id):
            try:
                return self._read(job_id, at_once=True)
            except OutOfMemoryError:
                # A full Redis refuses each transaction, and anything that could change meanwhile.
                return self._read(job_id, at_once=False)

    def _read(self, job_id: str, *, at_once: bool) -> RawJob:
        with self._redis.pipeline(transaction=at_once) as pipe:
            pipe.hgetall(keys.job(job_id))
            pipe.lrange(keys.job(job_id, "history"), 0, -1)
            for part in ("reasons", "tally", "samples", "timeline"):
                pipe.hgetall(keys.job(job_id, part))
            pipe.time()
            fields, history, reasons, reason_counts, samples, timeline, (seconds, micros) = pipe.execute()
        if b"state" not in fields:
            raise no_such_job(job_id, self.where)
        return RawJob(
            fields=_text(fields),
            history=[entry.decode() for entry in history],
            reasons={int(number): reason for reason, number in _text(reasons).items()},
            reason_counts={int(number): int(count) for number, count in reason_counts.items()},
            samples={int(number): ids for number, ids in _text(samples).items()},
            timeline=_text(timeline),
            now_ms=seconds * 1000 + micros // 1000,
        )

    def refuses_writes(self) -> tuple[ReasonCode, str] | None:
        """Why nothing can be recorded at present, which the store cannot note itself; None where it can."""
        memory, replication = self._redis.info("memory"), self._redis.info("replication")
        if replication.get("role") == "slave" and replication.get("slave_read_only", 1):
            return ReasonCode.STORE_READ_ONLY, (
                "Redis is a read-only replica, so nothing can be recorded: make it a primary, or have"
                " BULK_ACTIVATE_REDIS_URL lead to the primary; the job then goes on by itself"
            )
        most = int(memory.get("maxmemory", 0))
        if most and int(memory["used_memory"]) >= most:
            return ReasonCode.STORE_FULL, (
                f"Redis is full ({most:,} bytes), so nothing can be recorded:"
                " raise its maxmemory, or purge jobs that rest; the job then goes on by itself"
            )
        try:
            # Refused where writes are, for this one reason.
            self._redis.ping()
        except ResponseError as error:
            if not str(error).startswith("MISCONF"):
                raise
            return ReasonCode.STORE_CANNOT_SAVE, (
                "Redis cannot save to its disk and takes no writes, so nothing can be recorded:"
                " free or mend its disk; the job then goes on by itself"
            )
        return None

    def budget(self, host: str, org_id: str) -> RawBudget:
        found = self._redis.hmget(keys.budget(host, org_id), BUDGET_FIELDS)
        return raw_budget(cast("list[bytes | None]", found))

    def field(self, job_id: str, name: str) -> str | None:
        value = cast("bytes | None", self._redis.hget(keys.job(job_id), name))
        return None if value is None else value.decode()

    def summaries(self, after: tuple[int, str] | None = None) -> Iterator[dict[str, str]]:
        """The hash of every job, newest first; only the id of a damaged one.

        `after`: milliseconds and id of the job behind which they begin, which need not be there any more.
        """
        latest = "+inf" if after is None else after[0]
        found = self._redis.zrevrangebyscore(keys.JOBS, latest, "-inf", withscores=True)
        members = cast("list[tuple[bytes, float]]", found)
        if after is not None:
            # Of the same millisecond, they come in the reverse order of their ids.
            members = [(job_id, ms) for job_id, ms in members if (ms, job_id) < (after[0], after[1].encode())]
        for job_id in keys.job_ids(job_id for job_id, _ in members):
            try:
                with damage(job_id):
                    fields = _text(cast("dict[bytes, bytes]", self._redis.hgetall(keys.job(job_id))))
            except DamagedRecordError:
                fields = {"id": job_id}
            # One that another is removing meanwhile has none.
            if fields:
                yield fields

    def slices_holding(self, job_id: str, count: int, ids: Collection[str]) -> Iterator[StoredSlice]:
        """Those of the first `count` slices that hold one of `ids`."""
        for start in range(0, count, _LOOKED_THROUGH):
            numbers = range(start, min(count, start + _LOOKED_THROUGH))
            blobs = self._redis.mget([keys.of_slice(job_id, "ids", number) for number in numbers])
            for number, blob in zip(numbers, cast("list[bytes | None]", blobs), strict=True):
                # A slice that is gone is read too, so that it is reported.
                if blob is None or holds_any(blob, ids):
                    yield from self.slices(job_id, number + 1, number)

    def slices(self, job_id: str, count: int, first: int = 0) -> Iterator[StoredSlice]:
        """Every slice from `first` on in order, a few at a time, each as it stands when it is read.

        Raises `BulkActivateError` after the last where the ids of some are gone.
        """
        version = self.field(job_id, "record_version") or FIRST_VERSION
        if version not in READABLE_VERSIONS:
            raise BulkActivateError(f"cannot read the rows of job {job_id}: {other_version(version)}")
        gone: list[int] = []
        for start in range(first, count, _READ_AHEAD):
            numbers = range(start, min(count, start + _READ_AHEAD))
            with self._redis.pipeline(transaction=False) as pipe:
                for number in numbers:
                    pipe.mget(
                        [keys.of_slice(job_id, part, number) for part in ("ids", "out", "bat", "why", "exc")]
                    )
                for number, (ids, *values) in zip(numbers, pipe.execute(), strict=True):
                    if ids is None:
                        gone.append(number)
                        continue
                    with damage(job_id):
                        part = unpack(ids)
                        stored = check_stored(Stored(*(value or b"" for value in values)), len(part.ids))
                    yield StoredSlice(part, stored)
        if gone:
            these = f"{', '.join(map(str, gone[:_NAMED]))}{' ...' if len(gone) > _NAMED else ''}"
            raise BulkActivateError(
                f"{len(gone)} of {count - first} slices of job {job_id} are gone from Redis ({these}):"
                " their record is lost; look for who deleted keys, and submit the list again"
            )

    def skipped(self, job_id: str) -> Iterator[SkippedLine]:
        """Duplicates and malformed lines, in the order of the input."""
        key = keys.job(job_id, "skipped")
        for chunk in range(self._redis.hlen(key)):
            blob = cast("bytes | None", self._redis.hget(key, str(chunk)))
            if blob is not None:
                with damage(job_id):
                    rows = unpack_skipped(blob)
                yield from rows

    def live_scopes(self, within_ms: int) -> list[Scope]:
        """The scopes of worker processes that showed life within the last `within_ms`.

        Nothing where somebody put something else in its place: that damages no job.
        """
        now = self.now_ms()
        try:
            found = self._redis.zrangebyscore(keys.SCOPES, now - within_ms, now + within_ms)
        except ResponseError as error:
            if not str(error).startswith("WRONGTYPE"):
                raise
            return []
        return [Scope.parse(text.decode(errors="replace")) for text in cast("list[bytes]", found)]

    def apis_in_use(self) -> set[str]:
        """Scheme and host of each API that a live worker has, or a job that does not rest."""
        live = keys.job_ids(cast("set[bytes]", self._redis.smembers(keys.LIVE)))
        with self._redis.pipeline(transaction=False) as pipe:
            for job_id in live:
                pipe.hget(keys.job(job_id), "api_url")
            # One of a damaged job is an error, and tells nothing.
            found = pipe.execute(raise_on_error=False)
        bound = {api_url.decode(errors="replace") for api_url in found if isinstance(api_url, bytes)}
        return bound | {scope.api_url for scope in self.live_scopes(WORKERS_WITHIN_MS)}

    def live_workers(self, within_ms: int) -> int:
        """Worker processes that gave a sign of life within the last `within_ms`."""
        now = self.now_ms()
        return self._redis.zcount(keys.WORKERS, now - within_ms, now + within_ms)


@contextmanager
def damage(job_id: str) -> Iterator[None]:
    """Turns what goes wrong with values that were not written by us into `DamagedRecordError`."""
    try:
        yield
    except (DamagedRecordError, ResponseError, ValueError, KeyError, TypeError, OverflowError) as error:
        if isinstance(error, ResponseError) and is_mendable(error):
            raise
        why = str(error) if isinstance(error, DamagedRecordError | ResponseError) else type(error).__name__
        raise DamagedRecordError(
            f"the record of job {job_id} is damaged ({why}): look for who wrote to Redis;"
            " other jobs are not touched by it"
        ) from error


def no_such_job(job_id: str, where: StoreLocation) -> NoSuchJobError:
    return NoSuchJobError(f"no job {job_id!r} in {where.name}: {where.no_job}")


def _text(fields: Mapping[bytes, bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in fields.items()}
