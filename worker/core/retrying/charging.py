"""Every rule of charging: which requests count against the `MAX_ATTEMPTS` of which ids.

An id without an attempt left becomes `unknown`.

what came back                             charged
-----------------------------------------  ----------------------------------------------------------------
a readable 200                             to each id, at once; where it answers a split probe, to nobody
429, 401, no connection                    to nobody
no answer of the API's                     to nobody
a first 409, an unconfirmed 403            to nobody
a refusal of several ids                   to nobody: they are split
a refusal of one id                        to that id, at once
5xx, no answer, or none that can be read,  to each id, at once
known to be the ids' fault
the same that may be an outage's           pending: to each id once it is known to be no outage's, else to
                                           nobody; where it was an answer to several ids it is only counted
                                           as an error, which shows that one of them is at fault
"""

from msgspec.structs import replace

from worker.core.answers.reconcile import Reconciled
from worker.core.answers.verdict import Faulty, JobFault, Rejected, Verdict
from worker.core.batches.batch import Batch, Settlement, settle_alike
from worker.core.outcome import Outcome
from worker.core.reason import Reason
from worker.core.retrying.action import Action, Halt, Retry, Split
from worker.core.retrying.blame import is_answer
from worker.core.retrying.breaker import Breaker


def is_charged_at_once(verdict: Verdict, action: Action, batch: Batch) -> bool:
    """Whether the request of `batch` counts as charged at once.

    A failure that may be due to an outage is charged later, if at all (`resolve_charges`). A failure that
    splits its batch is never charged, nor is a probe, but to the id at fault once it is sent alone.
    """
    if isinstance(verdict, Reconciled):
        return not batch.split_probe
    if isinstance(action, Split) or not isinstance(verdict, Rejected | JobFault):
        return False
    uncharged = isinstance(action, Halt) or (isinstance(action, Retry) and action.settlement is None)
    return not (uncharged or batch.is_uncharged_probe)


def charge_failure(batch: Batch, verdict: Verdict, number: int, *, ids_at_fault: bool) -> Batch:
    """The batch that is sent again after failure `number`: charged for it, or with the charge pending."""
    if ids_at_fault:
        return batch.with_charges()
    if isinstance(verdict, Faulty) and is_answer(verdict):
        return replace(batch, pending_errors=(*batch.pending_errors, number))
    return replace(batch, pending_charges=(*batch.pending_charges, number))


def resolve_charges(breaker: Breaker, batch: Batch) -> tuple[Batch, int]:
    """`batch` with its pending failures charged or dropped, where that is known; and the requests charged.

    A bad answer to several ids is charged to none of them: it says that the one at fault has to be found.
    """
    if not batch.pending_charges and not batch.pending_errors:
        return batch, 0
    lost, pending_charges = _judge(breaker, batch.pending_charges)
    bad, pending_errors = _judge(breaker, batch.pending_errors)
    if (pending_charges, pending_errors) == (batch.pending_charges, batch.pending_errors):
        return batch, 0
    batch = replace(
        batch,
        pending_charges=pending_charges,
        pending_errors=pending_errors,
        others_succeeded=True,
        errors=batch.errors + bad,
    )
    single = len(batch.ids) == 1
    charged = lost + bad if single else lost
    return replace(
        batch.with_charges(charged) if charged else batch, isolated=batch.isolated or (single and bad > 0)
    ), charged


def _judge(breaker: Breaker, numbers: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    """The count of failures that are chargeable to the ids, and the numbers of undecided failures."""
    known = {number: breaker.is_chargeable(number) for number in numbers}
    own = sum(verdict is True for verdict in known.values())
    return own, tuple(number for number, verdict in known.items() if verdict is None)


def split_exhausted(max_attempts: int, batch: Batch, fault: Reason) -> tuple[Settlement | None, Batch | None]:
    """Ends the ids of `batch` without an attempt left as `unknown`. Returns their settlement and the rest."""
    spent = [position for position, count in enumerate(batch.attempts) if count >= max_attempts]
    if not spent:
        return None, batch
    left = [position for position in range(len(batch.ids)) if position not in spent]
    return settle_alike(batch.part(spent), Outcome.UNKNOWN, fault), batch.part(left) if left else None
