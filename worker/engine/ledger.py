"""Writes what became of a slice's ids to the record, a group at a time, and keeps the claim alive.

An answer is committed at most about 100 ms after it came; the mark is raised in the same round trip. While
the record cannot be written nothing is marked, so nothing is sent beyond what was marked before.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

import structlog

from worker.core.batches.batch import Settlement
from worker.core.outcome import CODES, Outcome
from worker.engine.account import Account
from worker.engine.patience import Patience
from worker.engine.probes import Probes
from worker.store.claims import LEASE_MS, Claim, ClaimEnd, ClaimStore, CommitPayload
from worker.store.steps import Code, Ticket

GROUP_SECONDS: Final = 0.1
RENEW_SECONDS: Final = LEASE_MS / 1000 / 4
"""How often the lease is renewed where there is nothing to record."""

MOST_TOLD: Final = 3
"""Exceptional answers of each status that a claim tells of: an API in trouble is not to fill the log too."""

_OF_THE_API: Final = frozenset(
    CODES[outcome] for outcome in (Outcome.ACTIVATED, Outcome.ALREADY_ACTIVE, Outcome.FAILED)
)

Queue = Callable[[str, Sequence[Ticket]], Awaitable[None]]
"""Sends the messages for slices of a job."""

log = structlog.get_logger(__name__)


class Ledger:
    """One per claim. `keep` runs beside the work from its beginning to its end."""

    def __init__(
        self,
        store: ClaimStore,
        claim: Claim,
        queue: Queue,
        patience: Patience,
        probes: Probes | None = None,
        account: Account | None = None,
    ) -> None:
        self._store = store
        self._claim = claim
        self._queue = queue
        self._patiently = patience
        self._payload = CommitPayload([], {})
        self.probes = probes or Probes()
        self._account = account or Account()
        self._account.begin(claim)
        if not _OF_THE_API.isdisjoint(claim.stored.outcomes.decode("ascii")):
            self.probes.refusals.mark_accepted()
        self._exceptional: Counter[int] = Counter()
        self._odd: Counter[str] = Counter()
        self._seq = 0
        self._mark = 0
        self._marks_wanted: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._end = ClaimEnd.KEEP
        self.snooze = 0.0
        """Seconds that a slice given back for a long hold is left alone."""
        self.going_on = True
        """False once nothing more is to be sent: the job rests, the claim is another's, or we stop."""
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        self._send_no_more()
        self._wake.set()

    async def back_off(self, seconds: float) -> None:
        """Waits, but not past the moment when nothing more is to be sent."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), seconds)

    def settle(self, settlement: Settlement) -> None:
        self._payload.settlements.append(settlement)
        if settlement.codes.strip(CODES[Outcome.AMBIGUOUS]):
            self._payload.api_problem = ""
        self._soon()

    def count(self, name: str, amount: int = 1) -> None:
        """Adds to the job's `requests`."""
        if amount:
            self._payload.requests[name] = self._payload.requests.get(name, 0) + amount

    def spent(self, name: str, seconds: float) -> None:
        """Adds to where a batch's time went; `name` is one of `SECONDS`."""
        took = self._payload.seconds
        took[name] = took.get(name, 0.0) + seconds

    def sent(self, allowed: float) -> None:
        """One more request. `allowed`: the rate that the organization was allowed then."""
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
        first = self._exceptional[status] <= MOST_TOLD
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

    def trouble(self, message: str) -> None:
        """The API cannot be reached; the job's report shows it until an answer comes."""
        self._payload.api_problem = message
        self._soon()

    async def raise_mark(self, mark: int) -> bool:
        """True once ids below `mark` may be sent; False where none may be sent any more."""
        if not self.going_on:
            return False
        self._mark = max(self._mark, mark)
        raised: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._marks_wanted.append(raised)
        self._wake.set()
        await raised
        return self.going_on

    def close(self, end: ClaimEnd) -> None:
        """No work is left or under way: `keep` commits once more, gives the slice back, and returns."""
        self._end = end
        self._wake.set()

    async def keep(self) -> None:
        """Commits whenever there is a reason to, until `close`. Raises what waiting does not mend."""
        while True:
            await self._reason()
            end = self._end
            await self._commit(end)
            if end is not ClaimEnd.KEEP:
                return

    def _send_no_more(self) -> None:
        self.going_on = False
        self._stopped.set()

    def _soon(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(GROUP_SECONDS, self._wake.set)

    async def _reason(self) -> None:
        # With nothing to record, the commit only renews the lease.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), RENEW_SECONDS)
        self._wake.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _commit(self, end: ClaimEnd) -> None:
        payload, self._payload = self._payload, CommitPayload([], {})
        raised, self._marks_wanted = self._marks_wanted, []
        self._seq += 1
        seq, mark = self._seq, self._mark
        try:
            done = await self._patiently(
                lambda: self._store.commit(self._claim, seq, mark, payload, end, self.snooze)
            )
        except BaseException:
            # The record cannot be written: those who wait for the mark must not send, nor wait for ever.
            self._send_no_more()
            _let_go([*raised, *self._marks_wanted])
            raise
        if done.code in {Code.COMMITTED, Code.REPEATED}:
            self._account.add(payload)
        if done.code is Code.NO_JOB:
            self._is_gone(payload)
        if done.code is Code.FENCED and end is ClaimEnd.KEEP:
            log.warning("claim lost: another worker goes on with the slice", code=done.code)
        if not done.go_on:
            self._send_no_more()
        self.probes.committed(payload.requests.get("probes", 0), done.probes_left)
        if done.accepted:
            self.probes.refusals.mark_accepted()
        _let_go(raised)
        if done.queue:
            await self._queue(self._claim.job_id, done.queue)

    def _is_gone(self, payload: CommitPayload) -> None:
        """Nobody goes on with it, and what this log tells is all that is left."""
        self._account.add(payload)
        if self.going_on or payload.settlements:
            log.error(
                "the job is gone from Redis, which was emptied or restarted without its data:"
                " look for its append-only file, or submit the list again",
                org_id=self._claim.org_id,
                not_recorded=sum(len(settlement.codes) for settlement in payload.settlements),
                **self._account.line(),
            )


def _let_go(waiters: list[asyncio.Future[None]]) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(None)
