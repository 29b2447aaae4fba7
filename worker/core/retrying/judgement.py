"""What follows from an answer, for its ids and for the circuit breaker: the way from a verdict to an action.

An answer may settle whose fault earlier failures were, and earlier answers whose fault this one is. So what
is pending is resolved before it is looked at, and once more after the breaker has learned from it.
"""

from typing import NamedTuple

from msgspec.structs import replace

from worker.core.answers.reconcile import Reconciled
from worker.core.answers.verdict import JobFault, Verdict
from worker.core.batches.batch import Batch, Settlement
from worker.core.reason import Reason
from worker.core.retrying.action import Action, Retry
from worker.core.retrying.blame import attribute
from worker.core.retrying.breaker import Breaker, is_away
from worker.core.retrying.charging import charge_failure, is_charged_at_once, resolve_charges, split_exhausted
from worker.core.retrying.policy import Policy, decide
from worker.core.retrying.refusals import Refusals


class Judgement(NamedTuple):
    action: Action
    charged: int
    """Requests that are known by now to count against an id's attempts."""
    may_be_outage: bool
    """The API may be away, so that the request takes nothing from the budget of split probes."""


class Resumed(NamedTuple):
    """What became of a batch while it waited to be sent again."""

    exhausted: Settlement | None
    """Ids without an attempt left."""
    left: Batch | None
    """What is to be sent."""
    charged: int


def judge(
    policy: Policy,
    breaker: Breaker,
    refusals: Refusals,
    verdict: Verdict,
    batch: Batch,
    now: float,
    roll: float,
    *,
    breaker_probe: bool,
) -> Judgement:
    """What to do after `verdict` on `batch`; `breaker` and the job's `refusals` learn from it.

    `now` is in seconds on any clock that only goes forward, `roll` in [0, 1) is the caller's chance, for
    jitter; `breaker_probe`: the request was the one to find out whether the API is back.
    """
    batch, before = resolve_charges(breaker, batch)
    batch, failure_number, ids_at_fault = attribute(breaker, verdict, batch, now, breaker_probe=breaker_probe)
    batch, after = resolve_charges(breaker, batch)
    if isinstance(verdict, Reconciled):
        refusals.record_success()
    confirmed = isinstance(verdict, JobFault) and refusals.is_confirmed(now)
    action = decide(policy, verdict, batch, roll, ids_at_fault=ids_at_fault, confirmed=confirmed)
    at_once = is_charged_at_once(verdict, action, batch)
    if isinstance(action, Retry) and failure_number is not None:
        at_once = ids_at_fault
        again = charge_failure(action.batch, verdict, failure_number, ids_at_fault=ids_at_fault)
        action = replace(action, batch=again)
    return Judgement(action, before + after + at_once, is_away(verdict) and not ids_at_fault)


def resume(policy: Policy, breaker: Breaker, batch: Batch, fault: Reason | None) -> Resumed:
    """What is left of `batch` to send after its wait. `fault`: why its ids are ambiguous; None if not."""
    if fault is None:
        return Resumed(None, batch, 0)
    batch, charged = resolve_charges(breaker, batch)
    exhausted, left = split_exhausted(policy.max_attempts, batch, fault)
    if exhausted is not None:
        charged += len(batch.pending_charges)
    return Resumed(exhausted, left, charged)
