"""What to do next with the ids of a request, given what its answer meant.

Faults that are the job's stop the job; faults that are an id's stay with the id. A 429, an API that cannot be
reached and what something else answers say nothing about an id, and are charged to none.
"""

import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, assert_never

from msgspec.structs import replace

from worker.core.answer import (
    Faulty,
    Intercepted,
    JobFault,
    Rejected,
    Throttled,
    Unauthorized,
    Unreached,
    Verdict,
)
from worker.core.backoff import backoff
from worker.core.batch import Batch, Settlement
from worker.core.blame import is_answer
from worker.core.job import ReasonCode
from worker.core.meaning import DEFAULT_ALREADY_ACTIVE, MISSING, compile_already_active, meaning
from worker.core.outcome import CODES, Outcome
from worker.core.reason import Reason
from worker.core.reconcile import Plain, Reconciled
from worker.core.refusals import AGAIN
from worker.core.step import Halt, Hold, Renew, Retry, Settle, Split, Step
from worker.core.trust import Then

RETRY_BASE: Final = 0.5
RETRY_CAP: Final = 20.0
SPLIT_ERRORS: Final = 2
"""5xx or unreadable answers to the same ids, from which on one of them is taken for the cause."""
MOST_INTERCEPTED: Final = 20
"""Times that something else answers for the same ids, while others get through, before one of them is taken
for the cause: what filters requests may never let it pass."""
MOST_FORBIDDEN: Final = 3
"""403s or 404s to the same ids, while others are accepted, before one of them is taken for the cause."""
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


def decide(
    policy: Policy,
    verdict: Verdict,
    batch: Batch,
    roll: float,
    *,
    blamed: bool = True,
    believed: bool = True,
) -> Step:
    """The next step for `batch`; `roll` in [0, 1) is the caller's chance, for jitter.

    `blamed`: a failure is known to be the fault of the ids (see `blame`); `believed`: a refusal of the
    organization is (see `refusals`).
    """
    match verdict:
        case Reconciled():
            return _reconciled(policy, verdict, batch, roll)
        case Throttled(hold):
            return Hold(batch, hold)
        case Unauthorized(reason, then):
            return _unauthorized(batch.renewed(), reason, then, roll)
        case JobFault(code, reason):
            return (
                Halt(code, reason) if believed else _forbidden(policy, batch.forbidden_once(), reason, roll)
            )
        case Unreached():
            away = batch.unreached_once()
            return Retry(away, _unreached_pause(away, roll), went_out=False)
        case Intercepted(reason):
            return _intercepted(batch, reason, roll, blamed=blamed)
        case Rejected(reason):
            return _rejected(policy, batch, reason, roll)
        case Faulty():
            return _faulty(batch.lost(), verdict, roll, blamed=blamed)
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
    if isinstance(step, Split) or not isinstance(verdict, Rejected | JobFault):
        return False
    uncharged = isinstance(step, Halt) or (isinstance(step, Retry) and step.settlement is None)
    return not (uncharged or batch.is_free)


def charge(policy: Policy, batch: Batch, fault: Reason) -> tuple[Settlement | None, Batch | None]:
    """What of a batch that waited may still be sent, and what has no attempt left and is `unknown`."""
    spent = [place for place, count in enumerate(batch.attempts) if count >= policy.max_attempts]
    if not spent:
        return None, batch
    left = [place for place in range(len(batch.ids)) if place not in spent]
    return _alike(batch.part(spent), Outcome.UNKNOWN, fault), batch.part(left) if left else None


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


def is_to_be_split(batch: Batch) -> bool:
    """Whether enough failures of these ids are known to be their own."""
    return len(batch.ids) > 1 and batch.errors >= (1 if batch.apart else SPLIT_ERRORS)


def _faulty(lost: Batch, verdict: Faulty, roll: float, *, blamed: bool) -> Step:
    """In doubt. Where the API gives such answers to these ids again and again, one of them is at fault."""
    reason, answered = verdict.reason, is_answer(verdict)
    if answered:
        lost = lost.met_error(blamed=blamed)
    known = Settlement(lost, _AMBIGUOUS * len(lost.ids), reason.status)
    if blamed and is_to_be_split(lost):
        return Split(replace(lost, owed=(), suspected=()), reason, known)
    # This failure is not among those that are charged or owed yet.
    delay = max(_pause(lost, roll, more=1), verdict.asked or 0.0)
    return Retry(replace(lost, probe=False), delay, known, reason)


def _intercepted(batch: Batch, reason: Reason, roll: float, *, blamed: bool) -> Step:
    """Not processed, and nobody's fault; but where others get through again and again, one of these is."""
    if reason.status == HTTPStatus.UNAUTHORIZED and not batch.renewals:
        # The access token may be at fault after all, though the API would say so itself.
        return Renew(batch.renewed(), reason)
    batch = batch.intercepted_once(blamed=blamed)
    limit = SPLIT_ERRORS if batch.apart and len(batch.ids) > 1 else MOST_INTERCEPTED
    if not blamed or batch.intercepted < limit:
        return Retry(replace(batch, probe=False), _unreached_pause(batch, roll))
    if len(batch.ids) > 1:
        return Split(replace(batch, owed=(), suspected=()), reason)
    # It was never refused: only the API can do that.
    return Settle(_alike(batch.charged(), Outcome.UNKNOWN, reason))


def _forbidden(policy: Policy, batch: Batch, reason: Reason, roll: float) -> Step:
    """Uncharged, for some seconds: a second answer is to say whether it is the job that is refused."""
    if batch.forbidden >= MOST_FORBIDDEN:
        return _rejected(policy, batch, reason, roll)
    return Retry(replace(batch, unreached=0), AGAIN * (1 + roll / 2))


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
        return Split(replace(batch, owed=(), suspected=()), reason)
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


def _unreached_pause(batch: Batch, roll: float) -> float:
    return backoff(batch.unreached, base=RETRY_BASE, cap=UNREACHED_CAP, roll=roll)


def _pause(batch: Batch, roll: float, more: int = 0) -> float:
    tries = max(1, more + max(batch.attempts) + len(batch.owed) + len(batch.suspected))
    return backoff(tries, base=RETRY_BASE, cap=RETRY_CAP, roll=roll)
