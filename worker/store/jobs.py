"""The record as producers use it: make jobs, steer them, remove them. Blocking calls."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import redis
from redis.exceptions import ResponseError

from worker.core.batches.slices import IDS, Slice, pack
from worker.core.errors import (
    NoSuchJobError,
    RequestIdTakenError,
    StateChangeError,
)
from worker.core.job import ALLOWED_FROM, AT_REST, FIRST_VERSION, Control
from worker.core.reporting.skipped import SkippedLine, pack_skipped
from worker.core.unserved import other_version
from worker.store import keys
from worker.store.connect import is_mendable
from worker.store.damage import damage
from worker.store.location import HERE, StoreLocation, must_rest, no_such_job
from worker.store.row_reader import RowReader
from worker.store.script_args import ABANDONED_MS, WINDOW, control_args, listed, purge_args
from worker.store.script_calls import (
    BudgetScript,
    Code,
    Script,
    ScriptReply,
    Ticket,
    read_reply,
    source,
    tickets,
)

_NEVER_MS: Final = 2**53
"""Milliseconds: longer than any job rests."""


class JobStore(RowReader):
    """Reads and writes the record. Each write is one script, and so one atomic step."""

    def __init__(self, client: redis.Redis, where: StoreLocation = HERE) -> None:
        super().__init__(client, where)
        self._scripts: dict[Script, Callable[..., Any]] = {
            script: client.register_script(source(script)) for script in Script
        }
        self._set_rate = client.register_script(source(BudgetScript.SET_RATE))

    def _call(
        self, script: Script, job_id: str, args: Sequence[str | int | float | bytes], *more_keys: str
    ) -> ScriptReply:
        return read_reply(self._scripts[script](keys=[keys.job(job_id), *more_keys], args=list(args)))

    def create(
        self, job_id: str, fields: Mapping[str, str], *, request_id: str | None, fingerprint: str, fresh: bool
    ) -> tuple[str, bool]:
        """Makes a job, or finds the one that `request_id` made before: (job id, whether it is new).

        `fresh`: where the job found is at rest, a new one is made. Raises `RequestIdTakenError` where
        the request id was used with another fingerprint.
        """
        flat = [item for pair in fields.items() for item in pair]
        # No empty key: a Redis user with a list of keys has no right to it.
        request_key = [keys.request(request_id)] if request_id else []
        args = [job_id, fingerprint, "fresh" if fresh else "", *flat]
        code, values = self._call(Script.CREATE, job_id, args, *request_key)
        found = values[0].decode()
        if code is Code.TAKEN:
            raise RequestIdTakenError(
                f"request id {request_id!r} belongs to job {found}, which has another list or organization,"
                " or reads the list in another way: use another --request-id, or submit the same list"
            )
        return found, code is Code.CREATED

    def folder_is_written(self, job_id: str) -> None:
        self._redis.hdel(keys.job(job_id), "folder_due")

    def put_slices(self, job_id: str, parts: Sequence[tuple[int, Slice]]) -> None:
        """Stores slices, each with its number. Raises `NoSuchJobError` if the job was removed meanwhile."""
        self._store(job_id, "ids", [(number, pack(part)) for number, part in parts])

    def put_skipped(self, job_id: str, chunk: int, rows: list[SkippedLine]) -> None:
        """Stores chunk number `chunk` of the skipped lines. Raises as `put_slices` does."""
        self._store(job_id, "skipped", [(chunk, pack_skipped(rows))])

    def _store(self, job_id: str, what: str, values: Sequence[tuple[int, bytes]]) -> None:
        flat = [item for pair in values for item in pair]
        self._require(self._call(Script.STORE_PART, job_id, [what, *flat]).code, job_id)

    def start_job(
        self,
        job_id: str,
        fields: Mapping[str, str],
        *,
        total: int,
        slices: int,
        deadline: float | None,
        per_slice: int = IDS,
    ) -> list[Ticket]:
        """Ends the upload; returns the slices to send messages for. Repeating it changes nothing."""
        flat = [item for pair in fields.items() for item in pair]
        args = [WINDOW, total, slices, "" if deadline is None else deadline, per_slice, *flat]
        code, values = self._call(Script.START_JOB, job_id, args)
        self._require(code, job_id)
        return tickets(values)

    def _require(self, code: Code, job_id: str) -> None:
        """Raises where the job was removed while its list was stored, or has another version."""
        if code is Code.NO_JOB:
            raise _vanished(job_id)
        if code is Code.OTHER_VERSION:
            raise self._other_version("store a list for", job_id)

    def _other_version(self, verb: str, job_id: str) -> StateChangeError:
        version = self.field(job_id, "record_version") or FIRST_VERSION
        return StateChangeError(f"cannot {verb} job {job_id}: {other_version(version)}")

    def control(
        self, job_id: str, control: Control, *, code: str, message: str, actor: str
    ) -> tuple[str, bool, list[Ticket]]:
        """Changes the state. Returns (state, whether it changed, slices to send messages for).

        Raises `NoSuchJobError`, or `StateChangeError` where the job's state does not allow it.
        """
        found, values = self._call(Script.CONTROL, job_id, control_args(control, code, message, actor))
        state = values[0].decode()
        if found is Code.NO_JOB:
            raise no_such_job(job_id, self.where)
        if found is Code.OTHER_VERSION:
            raise self._other_version(control, job_id)
        if found is Code.ILLEGAL:
            allowed = " or ".join(sorted(ALLOWED_FROM[control]))
            hint = ""
            if state in AT_REST and not self.where.flag:
                hint = f": `bulk-activate retry {job_id}` takes up what it left"
            raise StateChangeError(
                f"cannot {control} job {job_id}: it is {state}, and must be {allowed} for that{hint}"
            )
        return state, found is Code.CHANGED, tickets(values[1:])

    def set_weight(self, job_id: str, weight: int) -> bool:
        """Changes the job's share of the rate; whether it had another one.

        Raises `NoSuchJobError`, or `StateChangeError` for a job at rest.
        """
        code, values = self._call(Script.SET_WEIGHT, job_id, [weight, listed(AT_REST)])
        if code is Code.NO_JOB:
            raise no_such_job(job_id, self.where)
        if code is Code.OTHER_VERSION:
            raise self._other_version("change the weight of", job_id)
        if code is Code.ILLEGAL:
            state = values[0].decode()
            raise StateChangeError(
                f"cannot change the weight of job {job_id}: it is {state}, and nothing more of it is sent"
            )
        return code is Code.CHANGED

    def sweep(self, job_id: str) -> list[Ticket]:
        """Ends what is due by the clock: leases, a deadline, a silent upload. Returns slices to enqueue."""
        args: tuple[str | int, ...] = (WINDOW, ABANDONED_MS, "", "")
        return tickets(self._call(Script.SWEEP, job_id, args).values[4:])

    def expire_if_due(self, job_id: str) -> None:
        """Expires the job if its deadline has passed, in case no worker is there to do it."""
        with damage(job_id):
            deadline = self.field(job_id, "deadline_ms")
            if deadline is not None and self.now_ms() >= int(deadline):
                self._sweep_if_it_can_be(job_id)

    def _sweep_if_it_can_be(self, job_id: str) -> None:
        """Does nothing where Redis takes no writes: a worker sweeps once it does."""
        try:
            self.sweep(job_id)
        except ResponseError as error:
            if not is_mendable(error):
                raise

    def discard(self, job_id: str) -> None:
        """Removes a job whose upload failed; one that was started stays."""
        code = Code.PURGING
        while code is Code.PURGING:
            code, _ = self._call(Script.PURGE, job_id, purge_args(_NEVER_MS, 0))

    def purge(self, job_id: str) -> None:
        """Removes a job that rests, and every key of it.

        Raises `NoSuchJobError`, or `StateChangeError` where it does not rest.
        """
        code, values = self._call(Script.PURGE, job_id, purge_args(0))
        if code is Code.NO_JOB:
            raise no_such_job(job_id, self.where)
        if code is Code.OTHER_VERSION:
            raise self._other_version("purge", job_id)
        if code is Code.ILLEGAL:
            raise must_rest("purge", job_id, values[0].decode(), self.where)
        while code is Code.PURGING:
            code, _ = self._call(Script.PURGE, job_id, purge_args(0))

    def lease_notifications(self, most: int, again_ms: int) -> list[str]:
        """Up to `most` jobs with changes for the caller to show and log, each leased for `again_ms`."""
        script = self._scripts[Script.LEASE_NOTIFICATIONS]
        return keys.job_ids(read_reply(script(keys=[keys.NOTIFY], args=[most, again_ms])).values)

    def clear_notification(self, job_id: str) -> None:
        """Ends the notifications of a job: it is at rest, or gone."""
        self._redis.zrem(keys.NOTIFY, job_id)

    def set_rate(self, host: str, org_id: str, order: str) -> None:
        """Orders requests per second, 'auto' or 'default', for all workers; see `set_rate.lua`."""
        self._set_rate(keys=[keys.budget(host, org_id)], args=[order])


def _vanished(job_id: str) -> NoSuchJobError:
    return NoSuchJobError(f"job {job_id} vanished while its list was stored: submit it again")
