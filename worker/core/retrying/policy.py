"""The next action for the ids of a request, given the verdict on its answer.

Faults of the job stop the job; faults of an id stay with the id. A 429, an API that cannot be reached and an
answer of something else say nothing about an id, and are charged to none.
"""

import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, assert_never

from msgspec.structs import replace

from worker.core.answers.meaning import DEFAULT_ALREADY_ACTIVE, MISSING, compile_already_active, meaning
from worker.core.answers.reconcile import Plain, Reconciled
from worker.core.answers.trust import TokenAction
from worker.core.answers.verdict import (
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
from worker.core.batches.batch import Batch, Settlement, settle_alike
from worker.core.job import ReasonCode
from worker.core.outcome import CODES, Outcome
from worker.core.reason import Reason
from worker.core.retrying.action import Action, Halt, Hold, Renew, Retry, Settle, Split
from worker.core.retrying.blame import is_answer
from worker.core.retrying.charging import split_exhausted
from worker.core.retrying.refusals import CONFIRM_AFTER

RETRY_BASE: Final = 0.5
"""Seconds of the first wait before ids are sent again; see `worker.core.backoff`."""
RETRY_CAP: Final = 20.0
"""Maximum seconds before ids that may have been processed are sent again."""
SPLIT_ERRORS: Final = 2
"""5xx or unreadable answers to the same ids after which one of them is taken for the cause."""
MAX_INTERCEPTED: Final = 20
"""Answers of something else than the API to the same ids, while other requests get through, after which one
of the ids is taken for the cause: a filter may never let it pass."""
MAX_FORBIDDEN: Final = 3
"""403s or 404s to the same ids, while others are accepted, after which one of them is taken for the cause."""
MAX_REFUSALS: Final = 3
"""Rejections of a single ambiguous id after which it is not sent again."""
MAX_RENEWALS: Final = 30
"""401s to a batch in a row, over some minutes, after which the job pauses even if other requests are
answered."""
RENEWAL_BASE: Final = 0.25
RENEWAL_CAP: Final = 5.0
"""Maximum seconds between tries of an access token that is rejected."""
UNREACHED_CAP: Final = 5.0
"""Maximum seconds between tries to reach an API that is away: short, since a try costs it nothing."""

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
    ids_at_fault: bool = True,
    confirmed: bool = True,
) -> Action:
    """The next action for `batch`; `roll` in [0, 1) is the caller's chance, for jitter.

    `ids_at_fault`: a failure is known to be the fault of the ids (see `blame`). `confirmed`: a 403 or 404 is
    confirmed to be a fault of the whole job (see `refusals`).
    """
    match verdict:
        case Reconciled():
            return _reconciled(policy, verdict, batch, roll)
        case Throttled(hold):
            return Hold(batch, hold)
        case Unauthorized(reason, token_action):
            return _unauthorized(batch.with_renewal(), reason, token_action, roll)
        case JobFault(code, reason):
            return (
                Halt(code, reason) if confirmed else _forbidden(policy, batch.with_forbidden(), reason, roll)
            )
        case Unreached():
            away = batch.with_unreached()
            return Retry(away, _unreached_pause(away, roll), went_out=False)
        case Intercepted(reason):
            return _intercepted(batch, reason, roll, ids_at_fault=ids_at_fault)
        case Rejected(reason):
            return _rejected(policy, batch, reason, roll)
        case Faulty():
            return _faulty(batch.as_ambiguous(), verdict, roll, ids_at_fault=ids_at_fault)
        case _:
            assert_never(verdict)


def _unauthorized(again: Batch, reason: Reason, token_action: TokenAction, roll: float) -> Action:
    if token_action is TokenAction.GIVE_UP or again.renewals > MAX_RENEWALS:
        message = (
            f"access tokens are refused (HTTP 401, {reason.message}): put a valid API token of an"
            " organization owner in place, then resume the job"
        )
        return Halt(ReasonCode.CREDENTIAL_REJECTED, Reason(reason.name, message, reason.status))
    if token_action is TokenAction.RENEW:
        return Renew(again, reason)
    return Retry(again, backoff(again.renewals, base=RENEWAL_BASE, cap=RENEWAL_CAP, roll=roll))


def _reconciled(policy: Policy, answer: Reconciled, batch: Batch, roll: float) -> Action:
    """The record counts the request that settled an id as an attempt, even if it was not charged."""
    tried = batch.with_charges()
    if answer.said.count(_SUCCESS) == len(answer.said):
        return Settle(Settlement(tried, _ACTIVATED * len(tried.ids), HTTPStatus.OK))
    charged = batch.with_charges(0 if batch.split_probe else 1)
    missing: list[int] = []
    attempts = list(tried.attempts)
    codes: list[str] = []
    given: list[tuple[int, Reason]] = []
    for position, said in enumerate(answer.said):
        spent = charged.attempts[position] >= policy.max_attempts
        outcome, reason = meaning(
            policy.already_active, said, was_ambiguous=batch.ambiguous[position], spent=spent
        )
        codes.append(CODES[outcome])
        if reason is not None:
            given.append((position, reason))
        if outcome is Outcome.AMBIGUOUS:
            missing.append(position)
            attempts[position] = charged.attempts[position]
    known = replace(tried, attempts=tuple(attempts))
    settlement = Settlement(known, "".join(codes), HTTPStatus.OK, tuple(given))
    if not missing:
        return Settle(settlement)
    return Retry(
        charged.cleared(missing).as_ambiguous(), _pause(known.part(missing), roll), settlement, MISSING
    )


def needs_split(batch: Batch) -> bool:
    """Whether so many failures are known to be these ids' own that one of them has to be found."""
    return len(batch.ids) > 1 and batch.errors >= (1 if batch.isolated else SPLIT_ERRORS)


def _faulty(lost: Batch, verdict: Faulty, roll: float, *, ids_at_fault: bool) -> Action:
    """The ids are ambiguous. Where such answers come again and again, one of the ids is at fault."""
    reason, answered = verdict.reason, is_answer(verdict)
    if answered:
        lost = lost.with_error(ids_at_fault=ids_at_fault)
    known = Settlement(lost, _AMBIGUOUS * len(lost.ids), reason.status)
    if ids_at_fault and needs_split(lost):
        return Split(replace(lost, pending_charges=(), pending_errors=()), reason, known)
    # This failure is not yet among those charged or pending.
    delay = max(_pause(lost, roll, more=1), verdict.asked or 0.0)
    return Retry(replace(lost, split_probe=False), delay, known, reason)


def _intercepted(batch: Batch, reason: Reason, roll: float, *, ids_at_fault: bool) -> Action:
    """Not processed, and nobody's fault; unless others get through again and again, and these ids do not."""
    if reason.status == HTTPStatus.UNAUTHORIZED and not batch.renewals:
        # The access token may be at fault after all, though the API would say so itself.
        return Renew(batch.with_renewal(), reason)
    batch = batch.with_interception(ids_at_fault=ids_at_fault)
    limit = SPLIT_ERRORS if batch.isolated and len(batch.ids) > 1 else MAX_INTERCEPTED
    if not ids_at_fault or batch.intercepted < limit:
        return Retry(replace(batch, split_probe=False), _unreached_pause(batch, roll))
    if len(batch.ids) > 1:
        return Split(replace(batch, pending_charges=(), pending_errors=()), reason)
    # Not `failed`: only the API can say that.
    return Settle(settle_alike(batch.with_charges(), Outcome.UNKNOWN, reason))


def _forbidden(policy: Policy, batch: Batch, reason: Reason, roll: float) -> Action:
    """Sends again, uncharged, after some seconds: a second answer shows whether the job is at fault."""
    if batch.forbidden >= MAX_FORBIDDEN:
        return _rejected(policy, batch, reason, roll)
    return Retry(replace(batch, unreached=0), CONFIRM_AFTER * (1 + roll / 2))


def _again(policy: Policy, lost: Batch, reason: Reason, roll: float) -> Action:
    """Sends ids again that may be active by now; those without an attempt left become `unknown`."""
    settlement, left = split_exhausted(policy.max_attempts, lost, reason)
    if left is None:
        assert settlement is not None
        return Settle(settlement)
    # The reason is recorded only where no further attempt follows.
    codes = [_UNKNOWN if count >= policy.max_attempts else _AMBIGUOUS for count in lost.attempts]
    given = tuple((position, reason) for position, code in enumerate(codes) if code == _UNKNOWN)
    known = Settlement(lost, "".join(codes), reason.status, given)
    return Retry(replace(left, split_probe=False), _pause(left, roll), known, reason)


def _rejected(policy: Policy, batch: Batch, reason: Reason, roll: float) -> Action:
    """Splits until the id at fault is sent alone: it alone is charged, and fails."""
    if reason.status == HTTPStatus.CONFLICT and not batch.conflicts:
        # The conflict may be with a repetition of ours in flight, which passes.
        return Retry(batch.with_conflict(), _pause(batch, roll))
    if len(batch.ids) > 1:
        return Split(replace(batch, pending_charges=(), pending_errors=()), reason)
    batch = batch.with_charges().with_refusal()
    if not batch.ambiguous[0]:
        return Settle(settle_alike(batch, Outcome.FAILED, reason))
    # An earlier request whose answer was lost may have activated it: a rejection does not show that.
    if batch.refusals >= MAX_REFUSALS:
        return Settle(settle_alike(batch, Outcome.UNKNOWN, reason))
    return _again(policy, batch, reason, roll)


def _unreached_pause(batch: Batch, roll: float) -> float:
    return backoff(batch.unreached, base=RETRY_BASE, cap=UNREACHED_CAP, roll=roll)


def _pause(batch: Batch, roll: float, more: int = 0) -> float:
    tries = max(1, more + max(batch.attempts) + len(batch.pending_charges) + len(batch.pending_errors))
    return backoff(tries, base=RETRY_BASE, cap=RETRY_CAP, roll=roll)
