"""What has waited to be sent again comes back: charged or forgiven, split, or packed with others."""

from worker.core.batches.batch import Batch
from worker.core.batches.packing import may_be_packed
from worker.core.batches.split import Parts
from worker.core.retrying.breaker import Breaker
from worker.core.retrying.judgement import resume
from worker.core.retrying.policy import needs_split
from worker.engine.request import Request, RequestKind, SendContext


def resume_request(request: Request, breaker: Breaker) -> list[Request]:
    """The requests that are to be sent now that `request` has waited for its time."""
    context = request.context
    exhausted, left, charged = resume(context.policy, breaker, request.batch, request.fault)
    context.commit.count("charged", charged)
    if exhausted is not None:
        context.commit.record(exhausted)
    if left is None:
        return []
    if may_be_packed(left):
        context.pool.add(left)
        return [suspect(context, full) for full in context.pool.full()]
    if request.fault is not None and needs_split(left):
        parts = Parts([])
        parts.split(left, request.fault)
        part = parts.take()
        assert part is not None
        return [Request(context, part, RequestKind.SPLIT_PROBE, parts)]
    return [Request(context, left, request.kind)]


def suspect(context: SendContext, batch: Batch) -> Request:
    """A request for ids that were sent before, and whose answer was lost."""
    return Request(context, batch, RequestKind.RETRIED)
