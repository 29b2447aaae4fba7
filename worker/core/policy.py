"""What to do next with the ids of a request, given what its answer meant.

Faults that are the job's stop the job; faults that are an id's stay with the id. A 429 and an API that
cannot be reached say nothing about an id, and are charged to none.
"""

import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, assert_never

from msgspec.structs import replace

from worker.core.answer import Faulty, JobFault, Rejected, Throttled, Unauthorized, Unreached, Verdict
from worker.core.backoff import backoff
from worker.core.batch import Batch, Settlement
from worker.core.breaker import is_away
from worker.core.job import ReasonCode
from worker.core.meaning import DEFAULT_ALREADY_ACTIVE, MISSING, compile_already_active, meaning
from worker.core.outcome import CODES, Outcome
from worker.core.reason import Reason
from worker.core.reconcile import Plain, Reconciled
from worker.core.step import Halt, Hold, Renew, Retry, Settle, Split, Step
from worker.core.trust import Then

RETRY_BASE: Final = 0.5
RETRY_CAP: Final = 20.0
SPLIT_ERRORS: Final = 2
"""5xx to the same ids, from which on one of them is taken for the cause."""
MOST_REFUSALS: Final = 3
"""Times that an id is refused alone before nothing more is expected of sending it again."""
MOST_RENEWALS: Final = 30
"""401s to a batch in a row, over some minutes, after which a person is asked even where others are served."""
RENEWAL_BASE: Final = 0.25
RENEWAL_CAP: Final = 5.0
"""Seconds between tries of an access token that is refused."""
UNREACHED_CAP: Final = 5.0
"""Seconds between tries to reach an API that is away: short, since such a try costs it nothing."""

_SUCCESS: Final = Plain.SUCCESS
_ACTIVATED: Final = CODES[Outcome.ACTIVATED]
_AMBIGUOUS: Final = CODES[Outcome.AMBIGUOUS]
_UNKNOWN: Final = CODES[Outcome.UNKNOWN]


@dataclass(frozen=True, slots=True)
class Policy:
    max_attempts: int = 5
    already_active: re.Pattern[str] = field(
        default_factory=lambda: compile_already_active(DEFAULT_ALREADY_ACTIVE)
    )


def decide(policy: Policy, verdict: Verdict, batch: Batch, roll: float) -> Step:
    """The next step for `batch`; `roll` in [0, 1) is the caller's chance, for jitter."""
    match verdict:
        case Reconciled():
            return _reconciled(policy, verdict, batch, roll)
        case Throttled(hold):
            return Hold(batch, hold)
        case Unauthorized(reason, then):
            return _unauthorized(batch.renewed(), reason, then, roll)
        case JobFault(code, reason):
            return Halt(code, reason)
        case Unreached():
            away = batch.unreached_once()
            delay = backoff(away.unreached, base=RETRY_BASE, cap=UNREACHED_CAP, roll=roll)
            return Retry(away, delay)
        case Rejected(reason):
            return _rejected(policy, batch, reason, roll)
        case Faulty(reason) if is_away(verdict):
            return _away(batch.lost(), reason, roll)
        case Faulty(reason):
            return _again(policy, batch.charged(0 if batch.is_free else 1).lost(), reason, roll)
        case _:
            assert_never(verdict)


def _unauthorized(again: Batch, reason: Reason, then: Then, roll: float) -> Step:
    if then is Then.GIVE_UP or again.renewals > MOST_RENEWALS:
        message = (
            f"access tokens are refused (HTTP 401, {reason.message}): put a valid API token of an"
            " organization owner in place, then resume the job"
        )
        return Halt(ReasonCode.CREDENTIAL_REJECTED, Reason(reason.name, message, reason.status))
    if then is Then.RENEW:
        return Renew(again, reason)
    return Retry(again, backoff(again.renewals, base=RENEWAL_BASE, cap=RENEWAL_CAP, roll=roll))


def charges(verdict: Verdict, step: Step, batch: Batch) -> bool:
    """Whether the request of `batch` counts as charged at once.

    A failure that may be an outage's is charged later, if at all (see `charge`). One that splits its batch
    never is, nor a probe, but to the id at fault once it stands alone.
    """
    if isinstance(verdict, Reconciled):
        return not batch.probe
    if isinstance(step, Split) or is_away(verdict) or not isinstance(verdict, Faulty | Rejected):
        return False
    uncharged = isinstance(verdict, Rejected) and isinstance(step, Retry) and step.settlement is None
    return not (uncharged or batch.is_free)


def charge(policy: Policy, batch: Batch, fault: Reason) -> tuple[Settlement | None, Batch | None]:
    """What of a batch that waited may still be sent, and what has no attempt left and is `unknown`."""
    spent = [place for place, count in enumerate(_owing(batch)) if count >= policy.max_attempts]
    if not spent:
        return None, batch
    # With its last attempt gone there is no waiting for whether it was the API's fault.
    batch = replace(batch.charged(len(batch.owed)), owed=())
    left = [place for place in range(len(batch.ids)) if place not in spent]
    return _alike(batch.part(spent), Outcome.UNKNOWN, fault), batch.part(left) if left else None


def _owing(batch: Batch) -> list[int]:
    return [attempts + len(batch.owed) for attempts in batch.attempts]


def _reconciled(policy: Policy, answer: Reconciled, batch: Batch, roll: float) -> Step:
    """The record counts the request that settled an id as an attempt, even where nobody is charged."""
    tried = batch.charged()
    if answer.said.count(_SUCCESS) == len(answer.said):
        return Settle(Settlement(tried, _ACTIVATED * len(tried.ids), HTTPStatus.OK))
    charged = batch.charged(0 if batch.probe else 1)
    missing: list[int] = []
    attempts = list(tried.attempts)
    codes: list[str] = []
    given: list[tuple[int, Reason]] = []
    for place, said in enumerate(answer.said):
        spent = charged.attempts[place] >= policy.max_attempts
        outcome, reason = meaning(
            policy.already_active, said, was_ambiguous=batch.ambiguous[place], spent=spent
        )
        codes.append(CODES[outcome])
        if reason is not None:
            given.append((place, reason))
        if outcome is Outcome.AMBIGUOUS:
            missing.append(place)
            attempts[place] = charged.attempts[place]
    known = replace(tried, attempts=tuple(attempts))
    settlement = Settlement(known, "".join(codes), HTTPStatus.OK, tuple(given))
    if not missing:
        return Settle(settlement)
    return Retry(charged.cleared(missing).lost(), _pause(known.part(missing), roll), settlement, MISSING)


def _away(lost: Batch, reason: Reason, roll: float) -> Step:
    """No answer, or a 5xx. Repeated, a 5xx is taken for the doing of one of the ids."""
    if reason.status:
        lost = lost.met_error()
    known = Settlement(lost, _AMBIGUOUS * len(lost.ids), reason.status)
    if lost.errors >= SPLIT_ERRORS and len(lost.ids) > 1 and reason.status:
        return Split(replace(lost, owed=()), reason, known)
    # This failure is not among those that are charged or owed yet.
    return Retry(replace(lost, probe=False), _pause(lost, roll, more=1), known, reason)


def _again(policy: Policy, lost: Batch, reason: Reason, roll: float) -> Step:
    """Another try for what may be active by now; `unknown` where no attempt is left."""
    settlement, left = charge(policy, lost, reason)
    if left is None:
        assert settlement is not None
        return Settle(settlement)
    # What the answer was is of no interest while another try is to come.
    codes = [_UNKNOWN if count >= policy.max_attempts else _AMBIGUOUS for count in lost.attempts]
    given = tuple((place, reason) for place, code in enumerate(codes) if code == _UNKNOWN)
    known = Settlement(lost, "".join(codes), reason.status, given)
    return Retry(replace(left, probe=False), _pause(left, roll), known, reason)


def _rejected(policy: Policy, batch: Batch, reason: Reason, roll: float) -> Step:
    """Apart, until the id at fault stands alone: it alone is charged, and fails."""
    if reason.status == HTTPStatus.CONFLICT and not batch.conflicts:
        # It may be in conflict with our own twin in flight, and not with anything that lasts.
        return Retry(batch.conflicted(), _pause(batch, roll))
    if len(batch.ids) > 1:
        return Split(replace(batch, owed=()), reason)
    batch = batch.charged().refused()
    if not batch.ambiguous[0]:
        return Settle(_alike(batch, Outcome.FAILED, reason))
    # An earlier request whose answer was lost may have activated it: a refusal cannot say.
    if batch.refusals >= MOST_REFUSALS:
        return Settle(_alike(batch, Outcome.UNKNOWN, reason))
    return _again(policy, batch, reason, roll)


def _alike(batch: Batch, outcome: Outcome, reason: Reason) -> Settlement:
    places = range(len(batch.ids))
    return Settlement(
        batch, CODES[outcome] * len(places), reason.status, tuple((at, reason) for at in places)
    )


def _pause(batch: Batch, roll: float, more: int = 0) -> float:
    tries = max(1, more + max(_owing(batch)))
    return backoff(tries, base=RETRY_BASE, cap=RETRY_CAP, roll=roll)
