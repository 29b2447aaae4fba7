"""What to do next with the ids of a request, given what its answer meant.

Faults that are the job's stop the job; faults that are an id's stay with the id. A 429 and an API that
cannot be reached say nothing about an id, and are charged to none.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, assert_never

from worker.core.answer import Faulty, JobFault, Rejected, Throttled, Unauthorized, Unreached, Verdict
from worker.core.backoff import backoff
from worker.core.batch import Batch, Settlement
from worker.core.job import ReasonCode
from worker.core.outcome import CODES, Outcome
from worker.core.reason import RESOLVED_ACTIVE, Reason
from worker.core.reconcile import Plain, Reconciled, Said

HOLD_BASE: Final = 1.0
"""Seconds held after a 429 that does not say how long; doubles while they go on."""
HOLD_CAP: Final = 60.0
RETRY_BASE: Final = 0.5
RETRY_CAP: Final = 20.0
UNREACHED_CAP: Final = 5.0
"""Seconds between tries to reach an API that is away: short, since such a try costs it nothing."""

_ACTIVATED: Final = CODES[Outcome.ACTIVATED]
_MISSING: Final = Reason("MISSING_FROM_ANSWER", "The answers named this id in neither list.", HTTPStatus.OK)
_CONTRADICTORY: Final = Reason(
    "CONTRADICTORY_ANSWER", "The answer named this id as activated and as refused.", HTTPStatus.OK
)

DEFAULT_ALREADY_ACTIVE: Final = (r"(?<!not )(?<!n't )\balready\s+(?:been\s+)?(?:activ(?:e|ated)|enabled)\b",)


@dataclass(frozen=True, slots=True)
class Policy:
    max_attempts: int = 5
    already_active: re.Pattern[str] = field(
        default_factory=lambda: compile_already_active(DEFAULT_ALREADY_ACTIVE)
    )


@dataclass(frozen=True, slots=True)
class Retry:
    """Send the batch again after `delay` seconds."""

    batch: Batch
    delay: float
    settlement: Settlement | None = None
    """What is known by now, to be recorded meanwhile."""


@dataclass(frozen=True, slots=True)
class Hold:
    """The API limits the rate: nobody sends for `seconds`, then the batch goes again, uncharged."""

    batch: Batch
    seconds: float


@dataclass(frozen=True, slots=True)
class Settle:
    settlement: Settlement


@dataclass(frozen=True, slots=True)
class Split:
    """One of these ids may be at fault for all: they are sent apart."""

    parts: tuple[Batch, Batch]


@dataclass(frozen=True, slots=True)
class Renew:
    """The access token was refused: renew it, then send the batch again, uncharged."""

    batch: Batch
    reason: Reason


@dataclass(frozen=True, slots=True)
class Halt:
    """A fault of the whole job; the batch was not processed."""

    code: ReasonCode
    reason: Reason


Step = Retry | Hold | Settle | Split | Renew | Halt


def compile_already_active(patterns: Iterable[str]) -> re.Pattern[str]:
    """One pattern of many, matched anywhere in a message, whatever its case. Raises `re.error`."""
    joined = "|".join(f"(?:{pattern})" for pattern in patterns)
    return re.compile(joined or r"(?!)", re.IGNORECASE)


def decide(policy: Policy, verdict: Verdict, batch: Batch, roll: float) -> Step:
    """The next step for `batch`; `roll` in [0, 1) is the caller's chance, for jitter."""
    match verdict:
        case Reconciled():
            return _reconciled(policy, verdict, batch, roll)
        case Throttled(hold):
            return Hold(batch.throttled(), _hold(hold, batch.throttles + 1, roll))
        case Unauthorized(reason) if batch.renewals:
            return Halt(ReasonCode.CREDENTIAL_REJECTED, reason)
        case Unauthorized(reason):
            return Renew(batch.renewed(), reason)
        case JobFault(code, reason):
            return Halt(code, reason)
        case Unreached():
            away = batch.unreached_once()
            delay = backoff(away.unreached, base=RETRY_BASE, cap=UNREACHED_CAP, roll=roll)
            return Retry(away, delay)
        case Rejected(reason):
            return _rejected(batch, reason)
        case Faulty(reason):
            return _faulty(policy, batch.charged().lost(), reason, roll)
        case _:
            assert_never(verdict)


def _reconciled(policy: Policy, answer: Reconciled, batch: Batch, roll: float) -> Step:
    tried = batch.charged()
    if all(said is Plain.SUCCESS for said in answer.said):
        return Settle(Settlement(tried, _ACTIVATED * len(tried.ids), HTTPStatus.OK))
    missing = [place for place, said in enumerate(answer.said) if said is None]
    spent = tried.attempts >= policy.max_attempts
    codes: list[str] = []
    given: list[tuple[int, Reason]] = []
    for place, said in enumerate(answer.said):
        outcome, reason = _meaning(policy, said, was_ambiguous=batch.ambiguous[place], spent=spent)
        codes.append(CODES[outcome])
        if reason is not None:
            given.append((place, reason))
    settlement = Settlement(tried, "".join(codes), HTTPStatus.OK, tuple(given))
    if spent or not missing:
        return Settle(settlement)
    return Retry(tried.part(missing).lost(), _pause(tried, roll), settlement)


def _meaning(
    policy: Policy, said: Said | None, *, was_ambiguous: bool, spent: bool
) -> tuple[Outcome, Reason | None]:
    """The outcome of one id of a readable 200. `spent`: no attempt is left."""
    if said is None:
        return (Outcome.UNKNOWN, _MISSING) if spent else (Outcome.AMBIGUOUS, None)
    if said is Plain.SUCCESS:
        return Outcome.ACTIVATED, None
    if said is Plain.CONTRADICTION:
        return Outcome.UNKNOWN, _CONTRADICTORY
    if policy.already_active.search(said.message) is None:
        return Outcome.FAILED, said
    # Sent before, and its answer lost: then it was this job that activated it.
    return (Outcome.ACTIVATED, RESOLVED_ACTIVE) if was_ambiguous else (Outcome.ALREADY_ACTIVE, said)


def _faulty(policy: Policy, lost: Batch, reason: Reason, roll: float) -> Step:
    """Another try for what may be active by now; `unknown` once the attempts are spent."""
    if lost.attempts >= policy.max_attempts:
        return Settle(_alike(lost, Outcome.UNKNOWN, reason))
    # What the answer was is of no interest while another try is to come.
    known = Settlement(lost, CODES[Outcome.AMBIGUOUS] * len(lost.ids), reason.status)
    return Retry(lost, _pause(lost, roll), known)


def _rejected(batch: Batch, reason: Reason) -> Step:
    """Halves until the id at fault stands alone: it alone is charged, and fails."""
    if len(batch.ids) > 1:
        return Split(batch.halves())
    batch = batch.charged()
    # An earlier request whose answer was lost may have activated it: a refusal now cannot say.
    return Settle(_alike(batch, Outcome.UNKNOWN if batch.ambiguous[0] else Outcome.FAILED, reason))


def _alike(batch: Batch, outcome: Outcome, reason: Reason) -> Settlement:
    places = range(len(batch.ids))
    return Settlement(
        batch, CODES[outcome] * len(places), reason.status, tuple((at, reason) for at in places)
    )


def _pause(batch: Batch, roll: float) -> float:
    return backoff(batch.attempts, base=RETRY_BASE, cap=RETRY_CAP, roll=roll)


def _hold(asked: float | None, throttles: int, roll: float) -> float:
    if asked is None:
        return backoff(throttles, base=HOLD_BASE, cap=HOLD_CAP, roll=roll)
    # A little is added so that a whole fleet does not return in the same millisecond.
    return asked + 0.1 * roll
