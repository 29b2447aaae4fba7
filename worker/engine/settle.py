"""The heart: one batch, from its first request to the outcome of its last id."""

import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from time import monotonic
from typing import Final

import msgspec
import structlog
from msgspec.structs import replace

from worker.api.credentials import CredentialRejectedError
from worker.api.tokens import NotOwnerError
from worker.core.answers.answer import (
    Intercepted,
    JobFault,
    NoReply,
    Reply,
    Throttled,
    Unauthorized,
    Unreached,
    Verdict,
    classify,
    request_id,
)
from worker.core.answers.reconcile import Reconciled
from worker.core.answers.retry_after import their_now
from worker.core.answers.trust import TokenAction
from worker.core.batches.batch import Batch
from worker.core.batches.split import Parts
from worker.core.job import ReasonCode
from worker.core.rate.advice import quota_of
from worker.core.rate.slots import Slot
from worker.core.reason import Reason
from worker.core.reporting.latency import bucket_of
from worker.core.retrying.blame import with_pending_charge
from worker.core.retrying.breaker import BreakerState, is_away
from worker.core.retrying.policy import Policy, decide, is_charged_at_once, needs_split
from worker.core.retrying.step import Action, Halt, Hold, Renew, Retry, Settle, Split
from worker.engine.gate import Entry, Gate
from worker.engine.lane import Lane
from worker.engine.ledger import Ledger
from worker.telemetry import log_context
from worker.telemetry.traces import ActivationApi

log = structlog.get_logger(__name__)

_NAMED: Final[dict[int, str]] = {HTTPStatus.OK: "ok", HTTPStatus.TOO_MANY_REQUESTS: "throttled"}


@dataclass(frozen=True, slots=True)
class Run:
    """What a batch needs on its way: for whom it is sent, through what, and where its end is written."""

    job_id: str
    org_id: str
    api: ActivationApi
    policy: Policy
    lane: Lane
    ledger: Ledger
    gate: Gate
    slice_no: int
    claim: int
    halt: Callable[[Halt], Awaitable[None]]
    """Stops the whole job."""
    later: Callable[[Batch, float, Reason | None, str], None]
    """Sends a batch again after so many seconds: why its ids are in doubt, if they are; what it repeats."""

    def goes_on(self) -> bool:
        return self.ledger.going_on


class Sent(msgspec.Struct, frozen=True):
    """A request that went out, and what came of it after `seconds`."""

    reply: Reply | NoReply
    entry: Entry
    slot: Slot | None
    """None where there was no access token to send it with."""
    seconds: float


async def settle(
    batch: Batch,
    run: Run,
    *,
    repeat: str = "",
    why: Reason | None = None,
    on_turn: Callable[[], None] = lambda: None,
) -> None:
    """Sends `batch` until each of its ids is settled or has to wait, or the job goes on no more.

    `repeat` names what the next request repeats, for the report's counters; '' for a first request; `why`:
    what the last was answered.
    `on_turn` is called whenever a request has its turn.
    """
    parts = Parts([batch])
    if why is not None and needs_split(batch):
        parts = Parts([])
        parts.split(batch, why)
        repeat = "probes"
    while (part := parts.take()) is not None:
        if run.gate.wants_a_scout(part):
            part = parts.take_scout(part)
        step, repeat = await _ask(part, run, repeat, on_turn)
        if step is None:
            return
        if isinstance(step, Halt):
            await run.halt(step)
            return
        _follow(step, parts, run, repeat)
        repeat = "probes" if parts.has_split_probes() else "retried"


def _follow(step: Retry | Settle | Split, parts: Parts, run: Run, repeat: str) -> None:
    """Records what a step says of a part; what is to be sent again is put off, what is at fault split."""
    if step.settlement is not None:
        parts.record(step.settlement)
        run.ledger.settle(step.settlement)
    if isinstance(step, Retry):
        run.later(step.batch, step.delay, step.fault, _repeats(step, repeat))
    elif isinstance(step, Split):
        parts.split(step.batch, step.reason)
    if parts.has_split_probes() and not run.ledger.probes.left():
        for settlement in parts.give_up_probes():
            run.ledger.settle(settlement)


def _repeats(step: Retry, repeat: str) -> str:
    """What the next request of a batch that waits repeats. What did not go out is no repeat of itself."""
    if not step.went_out:
        return repeat
    return "replayed" if step.batch.renewals else "retried"


async def _ask(
    batch: Batch, run: Run, repeat: str, on_turn: Callable[[], None]
) -> tuple[Retry | Settle | Split | Halt | None, str]:
    """Sends `batch` until an answer says something of its ids; None where nothing may be sent any more.

    And what its last request repeated.
    """
    while (step := await _attempt(batch, run, repeat, on_turn)) is not None:
        match step:
            case Hold(batch, _):
                repeat = ""
            case Renew(batch, _):
                repeat = "replayed"
            case _:
                return step, repeat
    return None, repeat


async def _attempt(batch: Batch, run: Run, repeat: str, on_turn: Callable[[], None]) -> Action | None:
    """One request, and what follows from its answer; None where nothing may be sent any more."""
    log_context.bind(run.job_id, run.slice_no, run.claim, batch)
    try:
        sent = await _send(batch, run, on_turn)
    except CredentialRejectedError as error:
        return Halt(ReasonCode.CREDENTIAL_REJECTED, Reason("CREDENTIAL_REJECTED", str(error)))
    except NotOwnerError as error:
        return Halt(ReasonCode.ORGANIZATION_FORBIDDEN, Reason("NOT_OWNER", str(error)))
    if sent is None:
        return None
    reply = sent.reply
    now = _their_now(reply)
    verdict = classify(reply, batch.ids, now)
    allowed = run.lane.pacer.rate
    _tell(reply, verdict, run.ledger)
    if isinstance(verdict, Throttled):
        assert sent.slot is not None
        run.ledger.throttled(await run.lane.pacer.throttled(sent.slot, verdict.hold))
    elif isinstance(reply, Reply):
        assert sent.slot is not None
        _passed(sent.slot, sent.seconds, reply, now, run)
    if isinstance(verdict, Intercepted | Unreached):
        _trouble(verdict, run)
    if isinstance(verdict, Unauthorized) and verdict.token_action is TokenAction.REPEAT:
        run.ledger.trouble("the access token is refused (HTTP 401); it is tried again for a while")
    # Before and after: what it owes may have become known while it waited, and by this answer.
    batch, guilty = run.gate.resolve_charges(batch)
    batch, failure_number, ids_at_fault = run.gate.note(verdict, batch, sent.entry)
    batch, more = run.gate.resolve_charges(batch)
    if not isinstance(verdict, Unreached):
        # What may be an outage's takes nothing from the budget of probes.
        spared = repeat == "probes" and is_away(verdict) and not ids_at_fault
        _count(reply, "retried" if spared else repeat, allowed, run.ledger)
    confirmed = _believed(verdict, run)
    step = decide(run.policy, verdict, batch, random.random(), ids_at_fault=ids_at_fault, confirmed=confirmed)
    now_charged = is_charged_at_once(verdict, step, batch)
    if isinstance(step, Retry) and failure_number is not None:
        step, now_charged = _owing(step, verdict, failure_number, ids_at_fault=ids_at_fault)
    run.ledger.count("charged", guilty + more + now_charged)
    return step


def _trouble(verdict: Intercepted | Unreached, run: Run) -> None:
    # Once the breaker is open its words stand: two that take turns would look like news.
    if run.gate.breaker.state is BreakerState.CLOSED:
        run.ledger.trouble(verdict.reason.message)


def _owing(step: Retry, verdict: Verdict, failure_number: int, *, ids_at_fault: bool) -> tuple[Retry, bool]:
    """What goes again after a failure, and whether it was charged: if not, that is owed."""
    batch = step.batch
    if ids_at_fault:
        return replace(step, batch=batch.with_charges()), True
    return replace(step, batch=with_pending_charge(batch, verdict, failure_number)), False


def _believed(verdict: Verdict, run: Run) -> bool:
    """Whether a refusal of the organization is the job's; notes good answers, which speak against it."""
    refusals = run.ledger.probes.refusals
    if isinstance(verdict, Reconciled):
        refusals.record_success()
    return isinstance(verdict, JobFault) and refusals.is_confirmed(monotonic())


def _tell(reply: Reply | NoReply, verdict: Verdict, ledger: Ledger) -> None:
    """Logs an exceptional answer, with what the API's support asks for; of each status a few."""
    if isinstance(verdict, Reconciled):
        if verdict.intruders:
            log.warning("the answer names ids that were not sent: ignored", intruders=verdict.intruders)
        if verdict.odd and ledger.odd(verdict.odd):
            log.warning("the answer is not as documented: read as far as it can be", odd=dict(verdict.odd))
        return
    if isinstance(verdict, Throttled):
        return
    status = reply.status if isinstance(reply, Reply) else 0
    name = request_id(reply) if isinstance(reply, Reply) else None
    if ledger.exceptional(status, name):
        reason = verdict.reason
        log.warning(
            "exceptional answer", status=status, reason=reason.name, message=reason.message, request_id=name
        )


def _passed(slot: Slot, seconds: float, reply: Reply, now: float, run: Run) -> None:
    """What any answer but a 429 says of the rate; `now` as the API's clock has it."""
    run.lane.pacer.passed(slot, seconds)
    if (quota := quota_of(reply.headers, now)) is not None:
        run.lane.pacer.advise(quota)


def _their_now(reply: Reply | NoReply) -> float:
    date = reply.headers.get("Date") if isinstance(reply, Reply) else None
    return their_now(date, time.time())


async def _send(batch: Batch, run: Run, on_turn: Callable[[], None]) -> Sent | None:
    """Waits for the API to be there, then for an access token, then for a send time: none of these holds up
    what others could use.
    """
    while (entry := await _entered(run)) is not None:
        asked = run.lane.now()
        try:
            no_token = await run.api.ready(run.org_id)
            run.ledger.spent("in_flight", run.lane.now() - asked)
            if no_token is not None:
                return Sent(no_token, entry, None, 0.0)
            sent = await _send_in_time(batch, entry, run, on_turn)
        except BaseException:
            run.gate.leave(entry)
            raise
        if sent is not None:
            return sent
        run.gate.leave(entry)
    return None


async def _entered(run: Run) -> Entry | None:
    """See `Gate.enter`. A wait while the API is away is the API's fault, and counts as one in the report."""
    since: list[float] = []

    def waits(problem: str) -> None:
        since.append(run.lane.now())
        run.ledger.trouble(problem)

    entry = await run.gate.enter(run.goes_on, waits)
    if since:
        run.ledger.spent("backing_off", run.lane.now() - since[0])
    return entry


async def _send_in_time(batch: Batch, entry: Entry, run: Run, on_turn: Callable[[], None]) -> Sent | None:
    """One request in a slot of the budget; None where there is none, or it cannot be used when it comes."""
    clock = run.lane.now
    asked, full = clock(), run.lane.places.full_seconds()
    slot = await run.lane.enter(run.job_id, run.goes_on)
    if slot is None:
        return None
    if not run.gate.still_good(entry) or not run.api.is_ready(run.org_id):
        # The gate was shut meanwhile, or the token refused.
        run.lane.give_up()
        return None
    try:
        on_turn()
        sent, full = clock(), run.lane.places.full_seconds() - full
        reply = await run.api.activate(run.org_id, batch.ids)
        answered = clock()
    finally:
        run.lane.leave()
    if held := run.lane.pacer.held_between(asked, sent):
        run.ledger.spent("held_by_429", held)
    full = min(full, sent - asked - held)
    run.ledger.spent("waiting_for_place", full)
    run.ledger.spent("waiting_for_rate", sent - asked - held - full)
    run.ledger.spent("in_flight", answered - sent)
    run.ledger.count(bucket_of(answered - sent))
    return Sent(reply, entry, slot, answered - sent)


def _count(reply: Reply | NoReply, repeat: str, allowed: float, ledger: Ledger) -> None:
    ledger.sent(allowed)
    if repeat:
        ledger.count(repeat)
    if repeat == "probes":
        ledger.probes.sent()
    if isinstance(reply, Reply):
        ledger.count(str(reply.status))
        if reply.status in _NAMED:
            ledger.count(_NAMED[reply.status])
    elif reply.name == "TIMED_OUT":
        ledger.count("timed_out")
