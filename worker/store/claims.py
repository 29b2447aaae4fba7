"""The record as workers use it: claim slices, commit the outcomes of their ids, sweep.

Asynchronous, for the worker's event loop. The client may send each call twice; it counts once.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple, cast

import redis.asyncio

from worker.core.batches.record import Stored, check_stored
from worker.core.batches.slices import Slice, check_ids, unpack
from worker.core.batches.split import FREE_PROBES
from worker.core.errors import DamagedRecordError
from worker.core.fairness import SliceCounts
from worker.core.job import Control
from worker.core.scope import Scope
from worker.store import keys
from worker.store.commit_payload import CommitPayload
from worker.store.script_args import ABANDONED_MS, WINDOW, control_args, purge_args
from worker.store.script_calls import Code, Script, ScriptReply, Ticket, read_reply, source, tickets

LEASE_MS: Final = 6000
"""Milliseconds that a claim holds without a renewal. Short, so that others go on soon after a death; several
times the interval of renewal, so that a stall of the loop or of Redis does not cost the claim."""

LONG_HOLD_MS: Final = 5000
"""Milliseconds of a hold from which on slices are given back instead of waiting for its end."""


@dataclass(frozen=True, slots=True)
class Claim:
    job_id: str
    slice_no: int
    number: int
    """Fencing token of each commit: a worker that lost its claim changes nothing any more."""
    org_id: str
    weight: float
    """The job's share of its organization's rate, relative to other jobs."""
    part: Slice
    stored: Stored
    """The record of its ids, without reasons."""


class ClaimEnd(StrEnum):
    """What a commit does with the claim."""

    KEEP = "keep"
    RELEASE = "release"
    """Gives the slice back, with nothing in flight: it is done, or any worker may claim it."""
    HAND_OVER = "hand over"
    """As `RELEASE`, by a worker that stops: it sends no message, which could come back to itself."""
    BREAK = "break"
    """As `RELEASE`, after a defect of ours: counts as a death of the slice's worker."""
    SNOOZE = "snooze"
    """As `RELEASE`, until a long hold is over: then a sweep sends the message."""


@dataclass(frozen=True, slots=True)
class CommitReply:
    code: Code
    go_on: bool
    """False: the job is paused, ending or at rest, or the claim is lost: send nothing more."""
    probes_left: int
    """Probes that the job may still make to find ids at fault."""
    accepted: bool
    """Whether the API has settled an id of the job in a readable answer, to whichever process."""
    next_slice: int | None
    """A slice of the job for which no message was sent yet, and that may be claimed at once; or None."""
    queue: list[Ticket]
    """Slices of the job for which messages are to be sent."""


class SweepReply(NamedTuple):
    counts: SliceCounts
    queue: list[Ticket]
    """Slices of the job for which messages are to be sent."""


class ClaimStore:
    """The record as a worker process of `scope` sees it."""

    def __init__(self, client: redis.asyncio.Redis, scope: Scope, lease_ms: int = LEASE_MS) -> None:
        self._redis = client
        self._scope = scope
        self._serves = [scope.api_url, f" {' '.join(sorted(scope.orgs))} " if scope.orgs else ""]
        self._lease_ms = lease_ms
        self._scripts = {script: client.register_script(source(script)) for script in Script}

    async def _call(self, script: Script, job_id: str, args: Sequence[Any]) -> ScriptReply:
        return read_reply(await self._scripts[script](keys=[keys.job(job_id)], args=args))

    async def claim(
        self, job_id: str, slice_no: int, *, nonce: str, worker: str, isolated_process: bool = False
    ) -> tuple[Claim | Code, list[Ticket]]:
        """The claim, or the code that says why there is none; and the slices to send messages for.

        `nonce` names this try, so that its repetition finds its own claim. `isolated_process`: this process
        works on nothing else. Raises `DamagedRecordError`.
        """
        mode = "isolated" if isolated_process else ""
        api_url, orgs = self._serves
        args = [
            slice_no,
            nonce,
            self._lease_ms,
            worker,
            WINDOW,
            api_url,
            LONG_HOLD_MS,
            mode,
        ]
        args.append(orgs)
        code, values = await self._call(Script.CLAIM, job_id, args)
        if code is not Code.CLAIMED:
            return code, []
        number, size, ids, outcomes, org_id, weight, batches, exceptions, *queue = values
        try:
            part = unpack(ids, size)
            check_ids(part)
            stored = check_stored(Stored(outcomes, batches, b"", exceptions), size)
            claim = Claim(job_id, slice_no, number, org_id.decode(), _weight(weight), part, stored)
        except (DamagedRecordError, ValueError) as error:
            raise DamagedRecordError(f"slice {slice_no}: {error}") from error
        return claim, tickets(queue)

    async def commit(
        self, claim: Claim, seq: int, mark: int, payload: CommitPayload, end: ClaimEnd, snooze: float = 0.0
    ) -> CommitReply:
        """Records `payload`. `seq` counts the claim's commits from 1, so that a repetition changes nothing.

        Ids below `mark` may be sent once this returns. `snooze`: seconds that `ClaimEnd.SNOOZE` lasts.
        """
        args = [
            claim.slice_no,
            claim.number,
            seq,
            self._lease_ms,
            WINDOW,
            mark,
            end,
            payload.encode(len(claim.part.ids)),
            len(claim.part.ids),
            FREE_PROBES,
            round(1000 * snooze),
        ]
        code, values = await self._call(Script.COMMIT, claim.job_id, args)
        _, go_on, probes_left, accepted, upcoming, *queue = values
        next_slice = int(upcoming) if int(upcoming) >= 0 else None
        return CommitReply(code, bool(go_on), int(probes_left), bool(accepted), next_slice, tickets(queue))

    async def control(self, job_id: str, control: Control, *, code: str, message: str) -> None:
        """Acts on a fault of the whole job; a job in a state that does not allow it is left as it is."""
        await self._call(Script.CONTROL, job_id, control_args(control, code, message, "worker"))

    async def set_aside(self, job_id: str, slice_no: int, nonce: str) -> tuple[Code, list[Ticket]]:
        """Acts on the death of the isolated process of the claim `nonce`; see `set_aside.lua`."""
        code, queue = await self._call(Script.SET_ASIDE, job_id, [slice_no, nonce, WINDOW])
        return code, tickets(queue)

    async def sweep(self, job_id: str) -> SweepReply:
        args = [WINDOW, ABANDONED_MS, *self._serves]
        code, values = await self._call(Script.SWEEP, job_id, args)
        if code is Code.ABANDONED:
            await self.purge(job_id, 0)
        if code is not Code.SWEPT:
            return SweepReply(SliceCounts(0, 0), [])
        waiting, claimed, oldest_waiting, waited_ms, *queue = values
        return SweepReply(SliceCounts(waiting, claimed, oldest_waiting, waited_ms), tickets(queue))

    async def live_jobs(self) -> list[str]:
        """Jobs not at rest, as far as this process is for them."""
        members = keys.job_ids(cast("set[bytes]", await self._redis.smembers(keys.LIVE)))
        return [job_id for job_id in members if self._scope.is_for(job_id)]

    async def maybe_rested(self, rested_ms: int) -> list[str]:
        """Jobs that may have rested for `rested_ms`, and those whose removal began and did not end."""
        seconds, _ = await self._redis.time()
        # None can have ended before it was created, so most jobs need no look.
        old = await self._redis.zrangebyscore(keys.JOBS, "-inf", seconds * 1000 - rested_ms)
        begun = await self._redis.hkeys(keys.PURGING)
        return keys.job_ids(cast("list[bytes]", [*begun, *old]))

    async def purge(
        self, job_id: str, rested_ms: int, should_stop: Callable[[], bool] = lambda: False
    ) -> bool:
        """Removes the job if it has rested for `rested_ms`; whether it was. Any number may do so at once.

        A large job takes many steps, each some milliseconds: where it `should_stop`, others go on with it.
        """
        code = Code.PURGING
        while code is Code.PURGING and not should_stop():
            code, _ = await self._call(Script.PURGE, job_id, purge_args(rested_ms))
        return code is Code.PURGED

    async def beat(self, worker: str, forget_ms: int) -> None:
        """Shows that this process lives, and forgets those that were silent for `forget_ms`."""
        seconds, micros = await self._redis.time()
        now = seconds * 1000 + micros // 1000
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.zadd(keys.WORKERS, {worker: now})
            pipe.zadd(keys.SCOPES, {self._scope.text(): now})
            for key in (keys.WORKERS, keys.SCOPES):
                pipe.zremrangebyscore(key, "-inf", now - forget_ms)
                # A beat in the future: the clock was set back. Live processes beat again.
                pipe.zremrangebyscore(key, now + forget_ms, "+inf")
            await pipe.execute()

    async def leave(self, worker: str) -> None:
        await self._redis.zrem(keys.WORKERS, worker)


def _weight(stored: bytes) -> float:
    weight = float(stored)
    if not 0 < weight < math.inf:
        raise ValueError("the weight of the job is no number that can be")
    return weight
