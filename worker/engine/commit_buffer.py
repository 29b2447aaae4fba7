"""Writes what became of a slice's ids to the record, a group at a time, and keeps the claim alive.

An answer is committed at most about 100 ms after it came; the mark is raised in the same round trip. While
the record cannot be written nothing is marked, so nothing is sent beyond what was marked before.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterable
from typing import Final

import structlog

from worker.core.batches.batch import Batch, Settlement
from worker.core.outcome import CODES, Outcome
from worker.core.reporting.latency import bucket_of
from worker.engine.job_view import JobView
from worker.engine.services import Services
from worker.engine.slice_progress import SliceProgress
from worker.store.claims import LEASE_MS, Claim, ClaimEnd
from worker.store.commit_payload import CommitPayload
from worker.store.script_calls import Code

GROUP_SECONDS: Final = 0.1
RENEW_SECONDS: Final = LEASE_MS / 1000 / 4
"""How often the lease is renewed where there is nothing to record."""

MAX_LOGGED: Final = 3
"""Exceptional answers of each status that a claim logs: an API in trouble is not to fill the log too."""

_AMBIGUOUS: Final = CODES[Outcome.AMBIGUOUS]
_OF_THE_API: Final = frozenset(
    CODES[outcome] for outcome in (Outcome.ACTIVATED, Outcome.ALREADY_ACTIVE, Outcome.FAILED)
)
_URGENCY: Final = (ClaimEnd.KEEP, ClaimEnd.RELEASE, ClaimEnd.SNOOZE, ClaimEnd.HAND_OVER, ClaimEnd.BREAK)
"""Which end a claim takes where several reasons came together: the last of these."""

log = structlog.get_logger(__name__)


class CommitBuffer:
    """One per claim. `run` goes on beside the work from its beginning to its end."""

    def __init__(self, services: Services, claim: Claim, job: JobView, progress: SliceProgress) -> None:
        self._services = services
        self._claim = claim
        self._job = job
        self._progress = progress
        if not _OF_THE_API.isdisjoint(claim.stored.outcomes.decode("ascii")):
            job.refusals.mark_accepted()
        self._payload = CommitPayload()
        self._exceptional: Counter[int] = Counter()
        self._odd: Counter[str] = Counter()
        self._seq = 0
        self._mark = 0
        self._marks_wanted: list[asyncio.Future[None]] = []
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._is_closing = False
        self._end = ClaimEnd.RELEASE
        self.snooze = 0.0
        """Seconds that a slice given back for a long hold is left alone."""
        self.going_on = True
        """False once nothing more is to be sent: the job rests, the claim is another's, or we stop."""
        self.news = asyncio.Event()
        """Set where whoever works on the slice has to look again: nothing is under way, or it is to stop."""
        self.next_slice: int | None = None
        """A slice of the job for which no message was sent yet, as of the last commit."""

    def give_back(self, end: ClaimEnd = ClaimEnd.RELEASE) -> None:
        """Stops sending. The claim ends with the most urgent `end` of all calls."""
        self._end = max(self._end, end, key=_URGENCY.index)
        self._send_no_more()
        self._wake.set()

    def activated(self, batch: Batch) -> None:
        """The first request of `batch`, a full fixed batch, activated all of its ids."""
        self._payload.api_problem = ""
        self._payload.activated.append(batch.indices)
        self._soon()

    def record(self, settlement: Settlement) -> None:
        self._payload.settlements.append(settlement)
        if settlement.codes.strip(_AMBIGUOUS):
            self._payload.api_problem = ""
        self._soon()

    def count(self, name: str, amount: int = 1) -> None:
        """Adds to the job's `requests`."""
        if amount:
            requests = self._payload.requests
            requests[name] = requests.get(name, 0) + amount

    def add_seconds(self, name: str, seconds: float) -> None:
        """Adds to where a batch's time went; `name` is one of `SECONDS`."""
        self._payload.seconds[name] += seconds

    def add_latency(self, seconds: float) -> None:
        """An answer came, or was given up, after so many seconds."""
        self._payload.seconds["in_flight"] += seconds
        self.count(bucket_of(seconds))

    def sent(self, allowed: float) -> None:
        """One more request. `allowed`: requests per second that the organization was allowed then."""
        self._payload.sent += 1
        self._payload.allowed += allowed
        self._soon()

    def throttled(self, held: float) -> None:
        self._payload.throttled += 1
        self._payload.held_ms += round(1000 * held)
        self._soon()

    def exceptional(self, status: int, request_id: str | None) -> bool:
        """Notes an exceptional answer; whether it is one of the first of its status, to be logged."""
        self._exceptional[status] += 1
        first = self._exceptional[status] <= MAX_LOGGED
        if first and request_id is not None:
            self._payload.support.append((status, request_id))
        return first

    def odd(self, kinds: Iterable[tuple[str, int]]) -> bool:
        """Counts what of an answer was not as documented; whether there is a kind that is new here."""
        new = False
        for kind, count in kinds:
            new = new or kind not in self._odd
            self._odd[kind] += count
        return new

    @property
    def odd_by_kind(self) -> dict[str, int]:
        return dict(self._odd)

    def set_api_problem(self, message: str) -> None:
        """The API cannot be reached; the job's report shows it until an answer comes."""
        self._payload.api_problem = message
        self._soon()

    async def raise_mark(self, mark: int) -> bool:
        """True once ids below `mark` may be sent; False where none may be sent any more."""
        if not self.going_on:
            return False
        self._mark = max(self._mark, mark)
        raised: asyncio.Future[None] = self._loop.create_future()
        self._marks_wanted.append(raised)
        self._wake.set()
        await raised
        return self.going_on

    def close(self) -> None:
        """No work is left or under way: `run` commits once more, gives the slice back, and returns."""
        self._is_closing = True
        self._wake.set()

    async def run(self) -> None:
        """Commits whenever there is a reason to, until `close`. Raises what waiting does not mend."""
        while True:
            await self._reason()
            closing = self._is_closing
            await self._commit(self._end if closing else ClaimEnd.KEEP)
            if closing:
                return

    def _send_no_more(self) -> None:
        self.going_on = False
        self.news.set()

    def _soon(self) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(GROUP_SECONDS, self._wake.set)

    async def _reason(self) -> None:
        # With nothing to record, the commit only renews the lease.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RENEW_SECONDS):
                await self._wake.wait()
        self._wake.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _commit(self, end: ClaimEnd) -> None:
        payload, self._payload = self._payload, CommitPayload()
        raised, self._marks_wanted = self._marks_wanted, []
        self._seq += 1
        seq, mark, store = self._seq, self._mark, self._services.store
        try:
            done = await self._services.redis_retry(
                lambda: store.commit(self._claim, seq, mark, payload, end, self.snooze)
            )
        except BaseException:
            # The record cannot be written: those who wait for the mark must not send, nor wait for ever.
            self._send_no_more()
            _let_go([*raised, *self._marks_wanted])
            raise
        if done.code in {Code.COMMITTED, Code.REPEATED}:
            self._progress.add(payload)
        if done.code is Code.NO_JOB:
            self._is_gone(payload)
        if done.code is Code.FENCED and end is ClaimEnd.KEEP:
            log.warning("claim lost: another worker goes on with the slice", code=done.code)
        if not done.go_on:
            self._send_no_more()
        self._job.committed(payload.requests.get("probes", 0), done.probes_left)
        if done.accepted:
            self._job.refusals.mark_accepted()
        self.next_slice = done.next_slice
        _let_go(raised)
        if done.queue:
            await self._services.queue(self._claim.job_id, done.queue)

    def _is_gone(self, payload: CommitPayload) -> None:
        """Nobody goes on with it, and what this log tells is all that is left."""
        self._progress.add(payload)
        codes = payload.codes()
        if self.going_on or codes:
            log.error(
                "the job is gone from Redis, which was emptied or restarted without its data:"
                " look for its append-only file, or submit the list again",
                org_id=self._claim.org_id,
                not_recorded=len(codes),
                **self._progress.line(),
            )


def _let_go(waiters: list[asyncio.Future[None]]) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(None)
