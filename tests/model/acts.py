"""What clients do to the store: each act can be sent to the real one, and told to the model.

`send` gives the answer in the words of `World`'s, so that the two can be compared.
"""

import asyncio
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tests.model.world import Answer, Job, World, sent
from tests.store.job_setup import ORG
from worker.core.batches.batch import Batch, Settlement
from worker.core.batches.slices import Slice
from worker.core.errors import NoSuchJobError, RequestIdTakenError, StateChangeError
from worker.core.job import Control
from worker.core.reason import Reason
from worker.store.claims import Claim, ClaimEnd, ClaimStore
from worker.store.commit_payload import CommitPayload
from worker.store.jobs import JobStore
from worker.store.script_args import purge_args
from worker.store.script_calls import Code, Script, Ticket

if TYPE_CHECKING:
    from collections.abc import Mapping

REFUSED = Reason("REFUSED", "no", 200)


@dataclass(frozen=True)
class Stores:
    """One client of each kind. Any number of acts may be under way in it."""

    jobs: JobStore
    claims: ClaimStore


class Act(Protocol):
    @property
    def job_id(self) -> str: ...

    async def send(self, stores: Stores) -> Answer: ...

    def tell(self, world: World) -> Answer: ...


def _numbers(tickets: list[Ticket]) -> tuple[int, ...]:
    return sent([ticket.slice_no for ticket in tickets])


def names(job_id: str, number: int, size: int) -> tuple[str, ...]:
    return tuple(f"{job_id}/{number}/{index}" for index in range(size))


@dataclass(frozen=True)
class Create:
    job_id: str
    job: Job
    fingerprint: str
    fresh: bool

    async def send(self, stores: Stores) -> Answer:
        job = self.job
        optional: Mapping[str, object | None] = {
            "request_id": job.request,
            "root_job_id": job.root,
            "max_failures": job.max_failures,
            "max_failure_ratio": job.max_ratio,
        }
        fields = {name: str(value) for name, value in optional.items() if value is not None}

        def create() -> Answer:
            try:
                found, new = stores.jobs.create(
                    self.job_id,
                    {"org_id": ORG, **fields},
                    request_id=job.request,
                    fingerprint=self.fingerprint,
                    fresh=self.fresh,
                )
            except RequestIdTakenError as error:
                return ("TAKEN", str(error).split("belongs to job ")[1].split(",")[0])
            return ("CREATED" if new else "FOUND", found)

        return await asyncio.to_thread(create)

    def tell(self, world: World) -> Answer:
        return world.create(self.job_id, deepcopy(self.job), self.fingerprint, fresh=self.fresh)


@dataclass(frozen=True)
class Launch:
    job_id: str
    sizes: tuple[int, ...]

    def upload(self, jobs: JobStore) -> None:
        """Goes before it; nobody looks at it until then."""
        jobs.put_slices(
            self.job_id,
            [
                (number, Slice(names(self.job_id, number, size), ((1, size),)))
                for number, size in enumerate(self.sizes)
            ],
        )

    async def send(self, stores: Stores) -> Answer:
        def launch() -> Answer:
            total, slices = sum(self.sizes), len(self.sizes)
            try:
                fields = {"slice_ids": str(max(self.sizes, default=1))}
                queued = stores.jobs.start_job(
                    self.job_id, fields, total=total, slices=slices, deadline=3600.0
                )
            except NoSuchJobError:
                return ("NO_JOB",)
            return ("STARTED", _numbers(queued))

        return await asyncio.to_thread(launch)

    def tell(self, world: World) -> Answer:
        return world.launch(self.job_id)


@dataclass(frozen=True)
class Take:
    """A message comes to a worker, which claims the slice that it names."""

    job_id: str
    number: int
    nonce: str
    isolated_process: bool = False

    async def send(self, stores: Stores) -> Answer:
        claim, queue = await stores.claims.claim(
            self.job_id, self.number, nonce=self.nonce, worker="w", isolated_process=self.isolated_process
        )
        if not isinstance(claim, Claim):
            return (claim.value,)
        size = len(claim.part.ids)
        assert claim.part.ids == names(self.job_id, self.number, size)
        outcomes = claim.stored.outcomes.decode().ljust(size, ".")
        return ("CLAIMED", claim.number, outcomes, _numbers(queue))

    def tell(self, world: World) -> Answer:
        return world.claim(self.job_id, self.number, self.nonce, isolated_process=self.isolated_process)


@dataclass(frozen=True)
class Commit:
    """`batches`: first index and codes; none overlaps another."""

    claim: Claim
    seq: int
    mark: int
    batches: tuple[tuple[int, str], ...]
    end: ClaimEnd

    @property
    def job_id(self) -> str:
        return self.claim.job_id

    async def send(self, stores: Stores) -> Answer:
        settlements = [self._settlement(first, codes) for first, codes in self.batches]
        payload = CommitPayload(settlements, {}, sent=1)
        done = await stores.claims.commit(self.claim, self.seq, self.mark, payload, self.end, snooze=3600.0)
        return (done.code.value, done.go_on, done.probes_left, _numbers(done.queue))

    def _settlement(self, first: int, codes: str) -> Settlement:
        count = len(codes)
        ids = self.claim.part.ids[first : first + count]
        batch = Batch(ids, tuple(range(first, first + count)), (False,) * count, (1,) * count)
        reasons = tuple((place, REFUSED) for place, code in enumerate(codes) if code in "FU")
        return Settlement(batch, codes, 200, reasons)

    def tell(self, world: World) -> Answer:
        codes = {first + place: code for first, row in self.batches for place, code in enumerate(row)}
        claim = self.claim
        return world.commit(
            claim.job_id, claim.slice_no, claim.number, self.seq, self.mark, codes, self.end.value
        )


@dataclass(frozen=True)
class Sweep:
    job_id: str

    async def send(self, stores: Stores) -> Answer:
        standing, queue = await stores.claims.sweep(self.job_id)
        return (standing.waiting, standing.claimed, _numbers(queue))

    def tell(self, world: World) -> Answer:
        return world.sweep(self.job_id)


@dataclass(frozen=True)
class Steer:
    job_id: str
    control: Control

    async def send(self, stores: Stores) -> Answer:
        def steer() -> Answer:
            try:
                state, changed, queued = stores.jobs.control(
                    self.job_id, self.control, code="user", message="", actor="me"
                )
            except NoSuchJobError:
                return ("NO_JOB",)
            except StateChangeError:
                return ("ILLEGAL",)
            return (state, changed, _numbers(queued))

        return await asyncio.to_thread(steer)

    def tell(self, world: World) -> Answer:
        return world.control(self.job_id, self.control)


@dataclass(frozen=True)
class Purge:
    """One step of it: a client may die after any."""

    job_id: str
    at_once: int

    async def send(self, stores: Stores) -> Answer:
        _, _, *parts = purge_args(0)
        code, rest = await stores.claims._call(Script.PURGE, self.job_id, [0, self.at_once, *parts])
        return (code.value, rest[0]) if code is Code.PURGING else (code.value,)

    def tell(self, world: World) -> Answer:
        return world.purge(self.job_id, self.at_once)
