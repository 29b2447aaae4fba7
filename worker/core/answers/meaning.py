"""Decides the outcome of one id from a readable answer."""

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from worker.core.answers.reconcile import Plain, Said
from worker.core.outcome import Outcome
from worker.core.reason import RESOLVED_ACTIVE, Reason

MISSING: Final = Reason("MISSING_FROM_ANSWER", "The answers named this id in neither list.", HTTPStatus.OK)
CONTRADICTORY: Final = Reason(
    "CONTRADICTORY_ANSWER", "The answer named this id as activated and as refused.", HTTPStatus.OK
)

DEFAULT_ALREADY_ACTIVE: Final = (r"(?<!not )(?<!n't )\balready\s+(?:been\s+)?(?:activ(?:e|ated)|enabled)\b",)


def compile_already_active(patterns: Iterable[str]) -> re.Pattern[str]:
    """Combines patterns into one that ignores case, to be searched in messages. Raises `re.error`."""
    joined = "|".join(f"(?:{pattern})" for pattern in patterns)
    return re.compile(joined or r"(?!)", re.IGNORECASE)


def meaning(
    already_active: re.Pattern[str], said: Said | None, *, was_ambiguous: bool, spent: bool
) -> tuple[Outcome, Reason | None]:
    """The outcome of one id, and its reason.

    `said`: the answer's statement about the id; None if it is in neither list. `spent`: no attempt is left.
    """
    if said is None:
        return (Outcome.UNKNOWN, MISSING) if spent else (Outcome.AMBIGUOUS, None)
    if said is Plain.SUCCESS:
        return Outcome.ACTIVATED, None
    if said is Plain.CONTRADICTION:
        return Outcome.UNKNOWN, CONTRADICTORY
    if already_active.search(said.message) is None:
        return Outcome.FAILED, said
    # The id was sent before and the answer was lost: then this job activated it.
    return (Outcome.ACTIVATED, RESOLVED_ACTIVE) if was_ambiguous else (Outcome.ALREADY_ACTIVE, said)
