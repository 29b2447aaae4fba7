"""The rows of a job as stored: slices with their outcomes, and lines that were skipped. Blocking calls."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final, cast

from worker.core.batches.record import Stored, check_stored
from worker.core.batches.slices import Slice, holds_any, unpack
from worker.core.errors import BulkActivateError
from worker.core.job import FIRST_VERSION, READABLE_VERSIONS
from worker.core.reporting.skipped import SkippedLine, unpack_skipped
from worker.core.unserved import other_version
from worker.store import keys
from worker.store.damage import damage
from worker.store.job_reader import JobReader

_READ_AHEAD: Final = 8
"""Slices fetched in one round trip when results are streamed."""

_NAMED: Final = 10
"""Maximum slices that an error message lists."""

_LOOKED_THROUGH: Final = 64
"""Slices fetched in one round trip when an id is looked for, about 4 MB."""


@dataclass(frozen=True, slots=True)
class StoredSlice:
    part: Slice
    stored: Stored


class RowReader(JobReader):
    """Reads the slices of jobs as well, a few at a time, so that memory does not grow with the list."""

    def slices_holding(self, job_id: str, count: int, ids: Collection[str]) -> Iterator[StoredSlice]:
        """The slices, of the first `count` ones, that hold one of `ids`."""
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
