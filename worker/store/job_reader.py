"""The record of jobs as it is read, except their ids. Blocking calls."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from redis.exceptions import OutOfMemoryError

from worker.core.errors import DamagedRecordError
from worker.core.job import AT_REST, State
from worker.store import keys
from worker.store.damage import damage
from worker.store.location import no_such_job
from worker.store.store_reader import StoreReader


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


class JobReader(StoreReader):
    """Reads the record of jobs, except their ids."""

    def job_of(self, request_id: str) -> str | None:
        """The job that `request_id` made last, as long as it is there."""
        known = cast("bytes | None", self._redis.get(keys.request(request_id)))
        job_id = None if known is None else known.decode().split(" ")[0]
        return None if job_id is None or self.field(job_id, "state") is None else job_id

    def owes_folder(self, job_id: str) -> bool:
        """Whether a job of `run` ended by itself, and its results folder was never written."""
        state, due = self.field(job_id, "state"), self.field(job_id, "folder_due")
        return due is not None and state in AT_REST and state != State.CANCELLED

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


def _text(fields: Mapping[bytes, bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in fields.items()}
