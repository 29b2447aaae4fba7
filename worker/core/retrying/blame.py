"""Attributes failures: to the API, which may be away, or to the ids that were sent.

An outage must neither cost an id an attempt nor split a request; an id that spoils every request has to be
found all the same. The difference shows in whether other requests are answered well:

the API has answered others well            a failure of these ids is
------------------------------------------  ----------------------------------------------------------
after it, before the breaker opened         charged to them; pending until that is known
after it, once the breaker had opened       charged to nobody
not since, and it may be an outage          pending
not since, but a single id is left, and an  charged to it at once
  earlier failure was its own

After an hour without one good answer, what is left to send is taken for the cause, if other requests were
answered before. Where there are no other requests, the ids that fail are sent one by one, as scouts, until
one of them is answered: in an outage none is; of a request with one culprit, the second at the latest.
"""

from typing import Final, NamedTuple

from msgspec.structs import replace

from worker.core.answers.verdict import Faulty, Intercepted, Unreached, Verdict
from worker.core.batches.batch import Batch
from worker.core.retrying.breaker import Breaker

SCOUT_AFTER: Final = 2
"""Unattributed failures of a request after which its ids are sent one by one."""

_ANSWERED: Final = frozenset({"ANSWER_TOO_LARGE", "BAD_ANSWER"})
"""Names of faults without a status that are answers all the same, and so may be due to the ids sent."""


class Attribution(NamedTuple):
    batch: Batch
    failure_number: int | None
    """Number of the failure, where it is to be charged to the ids unless it was an outage."""
    ids_at_fault: bool
    """Whether the failure is known to be the fault of the ids."""


def is_answer(verdict: Faulty | Intercepted) -> bool:
    """Whether an answer came at all: silence and broken connections are never the ids' fault."""
    return bool(verdict.reason.status) or verdict.reason.name in _ANSWERED


def attribute(
    breaker: Breaker, verdict: Verdict, batch: Batch, now: float, *, breaker_probe: bool
) -> Attribution:
    """Tells `breaker` of the answer to `batch`, and attributes a failure as far as that is known by then."""
    if not isinstance(verdict, Faulty | Intercepted | Unreached):
        breaker.record_success(now)
        return Attribution(batch, None, ids_at_fault=False)
    answer = not isinstance(verdict, Unreached) and is_answer(verdict)
    since = breaker.has_succeeded_since(batch.successes_at_failure)
    others_succeeded = batch.others_succeeded or since
    known_bad = len(batch.ids) == 1 and batch.errors > 0
    # Silence too, after the longest silence: a job whose last ids are never answered has to end.
    ids_at_fault = others_succeeded and ((answer and known_bad) or breaker.is_silent_too_long(now))
    asked = verdict.asked if isinstance(verdict, Faulty) else None
    number = breaker.record_failure(
        now, _problem(verdict), breaker_probe=breaker_probe, ids_at_fault=ids_at_fault, asked=asked
    )
    if answer:
        batch = replace(batch, successes_at_failure=breaker.successes, others_succeeded=others_succeeded)
    if isinstance(verdict, Faulty):
        return Attribution(batch, number, ids_at_fault=ids_at_fault and breaker.is_chargeable(number) is True)
    return Attribution(batch, None, ids_at_fault=since)


def needs_scout(breaker: Breaker, batch: Batch) -> bool:
    """Whether a single id is to be sent next, to find out whether the ids or the API are at fault."""
    return (
        len(batch.ids) > 1
        and batch.unattributed_errors >= SCOUT_AFTER
        and not breaker.has_succeeded_since(batch.successes_at_failure)
    )


def _problem(verdict: Faulty | Intercepted | Unreached) -> str:
    reason = verdict.reason
    if isinstance(verdict, Intercepted):
        return reason.message
    problem = f"HTTP {reason.status}" if reason.status else reason.message or reason.name
    return f"the API does not answer ({problem})"
