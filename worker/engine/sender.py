"""The senders of an organization: each makes one request after the other, for as long as something is due."""

from worker.api.credentials import CredentialRejectedError
from worker.api.tokens import NotOwnerError
from worker.core.answers.reconcile import names_all
from worker.core.answers.reply import NoReply, Reply
from worker.core.batches.batch import Settlement
from worker.core.batches.split import Parts
from worker.core.outcome import CODES, Outcome
from worker.core.rate.advice import has_quota
from worker.engine.credential_fault import credential_fault
from worker.engine.dispatcher import Dispatcher
from worker.engine.exceptional import resolve
from worker.engine.request import Request
from worker.telemetry import log_context


async def send_in_turn(dispatcher: Dispatcher) -> None:
    """One of the senders: a request at a time, without end. It waits only where nothing is due."""
    while True:
        request = dispatcher.take() or await dispatcher.turn()
        try:
            await send(request, dispatcher)
        except Exception as error:  # noqa: BLE001 -- it is raised again where the slice ends.
            _give_up(request, error)


async def send(request: Request, dispatcher: Dispatcher) -> None:
    """One request, and what follows from its answer."""
    context, services = request.context, dispatcher.services
    if services.gate.wants_scout(request.batch):
        request.parts, request.is_untouched = request.parts or Parts([]), False
        request.batch = request.parts.take_scout(request.batch)
    batch = request.batch
    log_context.bind(context.job_id, context.slice_no, context.claim, batch)
    sent_at = dispatcher.waiting.begin(request)
    if request.no_token is not None:
        await resolve(request, request.no_token, 0.0, dispatcher)
        return
    try:
        reply = await services.api.activate(context.org_id, batch.ids)
    except (CredentialRejectedError, NotOwnerError) as error:
        services.gate.leave(dispatcher.release(), breaker_probe=request.breaker_probe)
        await dispatcher.halt(context.job_id, credential_fault(error))
        context.closed()
        return
    except BaseException:
        services.gate.leave(dispatcher.release(), breaker_probe=request.breaker_probe)
        raise
    now = dispatcher.release()
    seconds = now - sent_at
    commit = context.commit
    commit.add_latency(seconds)
    if not _is_ordinary(request, reply, is_open=services.gate.is_open):
        await resolve(request, reply, seconds, dispatcher)
        return
    dispatcher.record_answer(request, seconds, now)
    services.gate.breaker.record_success(now)
    context.job.refusals.record_success()
    commit.sent(dispatcher.limiter.rate)
    commit.activated(batch)
    context.closed()


def _is_ordinary(request: Request, reply: Reply | NoReply, *, is_open: bool) -> bool:
    """Whether it says of a full batch that was never sent before that all are activated, and no more."""
    return (
        request.is_untouched
        and is_open
        and isinstance(reply, Reply)
        and reply.status == 200  # noqa: PLR2004 -- HTTP's OK, looked up a thousand times a second.
        and names_all(reply.body, request.batch.ids)
        and not has_quota(reply.headers)
    )


def _give_up(request: Request, error: Exception) -> None:
    """A defect of ours, not of the API. The batch may have been sent; what is settled already stays so."""
    context, batch = request.context, request.batch
    context.broken(error)
    context.commit.record(Settlement(batch, CODES[Outcome.AMBIGUOUS] * len(batch.ids), 0))
    context.closed()
