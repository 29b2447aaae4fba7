"""What follows from any answer but the ordinary one: ids are recorded, sent again, split, or the job ends."""

import random
import time
from http import HTTPStatus
from typing import Final

import structlog

from worker.core.answers.answer import classify
from worker.core.answers.reconcile import Reconciled
from worker.core.answers.reply import NoReply, Reply, request_id
from worker.core.answers.retry_after import their_now
from worker.core.answers.trust import TokenAction
from worker.core.answers.verdict import Intercepted, Throttled, Unauthorized, Unreached, Verdict
from worker.core.batches.split import Parts
from worker.core.rate.advice import quota_of
from worker.core.retrying.action import Action, Halt, Hold, Renew, Retry, Settle, Split
from worker.core.retrying.judgement import judge
from worker.engine.commit_buffer import CommitBuffer
from worker.engine.dispatcher import Dispatcher
from worker.engine.request import Request, RequestKind

_NAMED: Final[dict[int, str]] = {HTTPStatus.OK: "ok", HTTPStatus.TOO_MANY_REQUESTS: "throttled"}

log = structlog.get_logger(__name__)


async def resolve(request: Request, reply: Reply | NoReply, seconds: float, dispatcher: Dispatcher) -> None:
    """Learns from `reply`, which came after `seconds`, and does what it asks for."""
    context, gate = request.context, dispatcher.services.gate
    now = their_now(reply.headers.get("Date") if isinstance(reply, Reply) else None, time.time())
    verdict = classify(reply, request.batch.ids, now)
    allowed = dispatcher.limiter.rate
    _log(reply, verdict, context.commit)
    if isinstance(verdict, Throttled):
        context.commit.throttled(await dispatcher.throttled(request, verdict.hold))
    elif isinstance(reply, Reply):
        dispatcher.record_answer(request, seconds, dispatcher.now())
        if (quota := quota_of(reply.headers, now)) is not None:
            dispatcher.limiter.session.advise(quota)
    _tell_trouble(verdict, context.commit, is_open=gate.is_open)
    judgement = judge(
        context.policy,
        gate.breaker,
        context.job.refusals,
        verdict,
        request.batch,
        dispatcher.now(),
        random.random(),
        breaker_probe=request.breaker_probe,
    )
    gate.note(dispatcher.now())
    if not isinstance(verdict, Unreached):
        is_spared = request.kind is RequestKind.SPLIT_PROBE and judgement.may_be_outage
        _count(request, reply, RequestKind.RETRIED if is_spared else request.kind, allowed)
    context.commit.count("charged", judgement.charged)
    await _follow(request, judgement.action, dispatcher)


async def _follow(request: Request, action: Action, dispatcher: Dispatcher) -> None:
    request.is_untouched, request.no_token = False, None
    match action:
        case Hold(batch, _):
            request.batch, request.kind = batch, RequestKind.FIRST
            dispatcher.put_first(request)
        case Renew(batch, _):
            request.batch, request.kind = batch, RequestKind.REPLAYED
            dispatcher.put_first(request)
        case Halt():
            await dispatcher.halt(request.context.job_id, action)
            request.context.closed()
        case Retry() | Settle() | Split():
            _go_on(request, action, dispatcher)


def _go_on(request: Request, action: Retry | Settle | Split, dispatcher: Dispatcher) -> None:
    """Records what is known; what is to be sent again waits for its time, what is at fault is split, and
    what is left of the batch goes next.
    """
    context, commit = request.context, request.context.commit
    parts = request.parts or Parts([])
    if action.settlement is not None:
        parts.record(action.settlement)
        commit.record(action.settlement)
    if isinstance(action, Retry):
        again = Request(context, action.batch, _kind_of(action, request.kind), fault=action.fault)
        dispatcher.put_later(again, action.delay)
    elif isinstance(action, Split):
        parts.split(action.batch, action.reason)
    if parts.has_split_probes() and not context.job.has_split_probes():
        for settlement in parts.give_up_probes():
            commit.record(settlement)
    kind = RequestKind.SPLIT_PROBE if parts.has_split_probes() else RequestKind.RETRIED
    if (part := parts.take()) is None:
        context.closed()
        return
    request.batch, request.kind, request.parts = part, kind, parts
    dispatcher.put_first(request)


def _kind_of(action: Retry, kind: RequestKind) -> RequestKind:
    """Of the next request of a batch that waits. What did not go out is no repeat of itself."""
    if not action.went_out:
        return kind
    return RequestKind.REPLAYED if action.batch.renewals else RequestKind.RETRIED


def _tell_trouble(verdict: Verdict, commit: CommitBuffer, *, is_open: bool) -> None:
    if isinstance(verdict, Intercepted | Unreached) and is_open:
        # Once the circuit is open its words stand: two that take turns would look like news.
        commit.set_api_problem(verdict.reason.message)
    if isinstance(verdict, Unauthorized) and verdict.token_action is TokenAction.REPEAT:
        commit.set_api_problem("the access token is refused (HTTP 401); it is tried again for a while")


def _log(reply: Reply | NoReply, verdict: Verdict, commit: CommitBuffer) -> None:
    """An exceptional answer, with what the API's support asks for; of each status a few."""
    if isinstance(verdict, Reconciled):
        if verdict.intruders:
            log.warning("the answer names ids that were not sent: ignored", intruders=verdict.intruders)
        if verdict.odd and commit.odd(verdict.odd):
            log.warning("the answer is not as documented: read as far as it can be", odd=dict(verdict.odd))
        return
    if isinstance(verdict, Throttled):
        return
    status = reply.status if isinstance(reply, Reply) else 0
    name = request_id(reply) if isinstance(reply, Reply) else None
    if commit.exceptional(status, name):
        reason = verdict.reason
        log.warning(
            "exceptional answer", status=status, reason=reason.name, message=reason.message, request_id=name
        )


def _count(request: Request, reply: Reply | NoReply, kind: RequestKind, allowed: float) -> None:
    commit = request.context.commit
    commit.sent(allowed)
    if kind:
        commit.count(kind)
    if kind is RequestKind.SPLIT_PROBE:
        request.context.job.split_probe_sent()
    if isinstance(reply, Reply):
        commit.count(str(reply.status))
        if reply.status in _NAMED:
            commit.count(_NAMED[reply.status])
    elif reply.name == "TIMED_OUT":
        commit.count("timed_out")
