"""What can become of an id, and the one character that says so in the record."""

from enum import StrEnum
from typing import Final


class Outcome(StrEnum):
    PENDING = "pending"
    AMBIGUOUS = "ambiguous"
    """Sent, and the answer was lost: it may be active. It is sent again."""
    ACTIVATED = "activated"
    ALREADY_ACTIVE = "already_active"
    FAILED = "failed"
    NOT_ATTEMPTED = "not_attempted"
    """The job ended before this id was sent."""
    UNKNOWN = "unknown"
    """Still ambiguous when the job ended."""
    SKIPPED = "skipped"
    """A duplicate or malformed line. It is no id of the job, so no counter holds it."""


CODES: Final[dict[Outcome, str]] = {
    Outcome.PENDING: ".",
    Outcome.AMBIGUOUS: "?",
    Outcome.ACTIVATED: "A",
    Outcome.ALREADY_ACTIVE: "a",
    Outcome.FAILED: "F",
    Outcome.NOT_ATTEMPTED: "N",
    Outcome.UNKNOWN: "U",
}
"""One ASCII character per id, so that a slice of the record can be read by eye in `redis-cli`."""

BY_CODE: Final = {code: outcome for outcome, code in CODES.items()}

COUNTED: Final = tuple(CODES)
"""The outcomes that sum to the job's total, in the order of the report."""

FINAL: Final = frozenset(CODES) - {Outcome.PENDING, Outcome.AMBIGUOUS}
SUCCEEDED: Final = frozenset({Outcome.ACTIVATED, Outcome.ALREADY_ACTIVE})
UNSUCCESSFUL: Final = frozenset({Outcome.FAILED, Outcome.UNKNOWN, Outcome.NOT_ATTEMPTED})

AT_REST: Final[dict[Outcome, Outcome]] = {
    Outcome.PENDING: Outcome.NOT_ATTEMPTED,
    Outcome.AMBIGUOUS: Outcome.UNKNOWN,
}
"""How the record of a job that ended early is read. So ending a job of millions moves two counters
and rewrites no id."""
