"""The heart: one batch, from its first request to the outcome of its last id."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, assert_never

import structlog

from worker.api.client import ActivationClient
from worker.api.tokens import CredentialRejectedError
from worker.core.answer import Faulty, NoReply, Rejected, Reply, Unreached, classify
from worker.core.batch import Batch
from worker.core.job import ReasonCode
from worker.core.policy import Halt, Hold, Policy, Renew, Retry, Settle, Split, Step, decide
from worker.core.reason import Reason
from worker.core.reconcile import Reconciled
from worker.engine.lane import Lane
from worker.engine.ledger import Ledger

log = structlog.get_logger(__name__)

_NAMED: Final[dict[int, str]] = {HTTPStatus.OK: "ok", HTTPStatus.TOO_MANY_REQUESTS: "throttled"}


@dataclass(frozen=True, slots=True)
class Run:
    """What a batch needs on its way: for whom it is sent, through what, and where its end is written."""

    org_id: str
    api: ActivationClient
    policy: Policy
    lane: Lane
    ledger: Ledger
    halt: Callable[[Halt], Awaitable[None]]
    """Stops the whole job."""

    def goes_on(self) -> bool:
        return self.ledger.going_on


async def settle(
    batch: Batch, run: Run, *, repeat: str = "", on_turn: Callable[[], None] = lambda: None
) -> None:
    """Sends `batch` until each of its ids is settled, or the job goes on no more.

    `repeat` names what the next request repeats, for the report's counters; '' for a first request.
    `on_turn` is called whenever a request has its turn.
    """
    while (step := await _attempt(batch, run, repeat, on_turn)) is not None:
        match step:
            case Settle(settlement):
                run.ledger.settle(settlement)
                return
            case Retry(batch, delay, settlement):
                if settlement is not None:
                    run.ledger.settle(settlement)
                repeat = "retried"
                await run.ledger.back_off(delay)
                run.ledger.count("ms_backing_off", round(1000 * delay))
            case Hold(batch, seconds):
                repeat = ""
                run.ledger.throttled(seconds)
                await run.lane.pacer.hold(seconds)
            case Renew(batch, _):
                repeat = "replayed"
            case Split(parts):
                for part in parts:
                    await settle(part, run, repeat="probes")
                return
            case Halt():
                await run.halt(step)
                return
            case _:
                assert_never(step)


async def _attempt(batch: Batch, run: Run, repeat: str, on_turn: Callable[[], None]) -> Step | None:
    """One request, and what follows from its answer; None where nothing may be sent any more."""
    try:
        reply = await _send(batch, run, on_turn)
    except CredentialRejectedError as error:
        return Halt(ReasonCode.CREDENTIAL_REJECTED, Reason("CREDENTIAL_REJECTED", str(error)))
    if reply is None:
        return None
    verdict = classify(reply, batch.ids, time.time())
    if isinstance(verdict, Unreached):
        run.ledger.trouble(verdict.reason.message)
    else:
        _count(reply, repeat, run.ledger)
    if isinstance(verdict, Reconciled) and verdict.intruders:
        log.warning("the answer names ids that were not sent: ignored", intruders=verdict.intruders)
    step = decide(run.policy, verdict, batch, random.random())
    if isinstance(verdict, Reconciled | Faulty | Rejected) and not isinstance(step, Split):
        run.ledger.count("charged")
    return step


async def _send(batch: Batch, run: Run, on_turn: Callable[[], None]) -> Reply | NoReply | None:
    clock = asyncio.get_running_loop().time
    asked = clock()
    async with run.lane.turn(run.goes_on) as mine:
        if not mine:
            return None
        on_turn()
        sent = clock()
        reply = await run.api.activate(run.org_id, batch.ids)
        answered = clock()
    held = run.lane.pacer.held_between(asked, sent)
    run.ledger.count("ms_held_by_429", round(1000 * held))
    run.ledger.count("ms_waiting_for_rate", round(1000 * (sent - asked - held)))
    run.ledger.count("ms_in_flight", round(1000 * (answered - sent)))
    return reply


def _count(reply: Reply | NoReply, repeat: str, ledger: Ledger) -> None:
    ledger.sent()
    if repeat:
        ledger.count(repeat)
    if isinstance(reply, Reply):
        ledger.count(str(reply.status))
        if reply.status in _NAMED:
            ledger.count(_NAMED[reply.status])
    elif reply.name == "TIMED_OUT":
        ledger.count("timed_out")
