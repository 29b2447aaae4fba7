"""The outcomes of an id, and the character that stands for each in the record."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Outcome(StrEnum):
    PENDING = "pending"
    AMBIGUOUS = "ambiguous"
    """The id was sent and the answer was lost, so that it may be active. It is sent again."""
    ACTIVATED = "activated"
    ALREADY_ACTIVE = "already_active"
    FAILED = "failed"
    NOT_ATTEMPTED = "not_attempted"
    """The job ended before the id was sent."""
    UNKNOWN = "unknown"
    """The id was still ambiguous at its last attempt or when the job ended."""
    SKIPPED = "skipped"
    """A duplicate or malformed line. It is not an id of the job, so no counter includes it."""


CODES: Final[dict[Outcome, str]] = {
    Outcome.PENDING: ".",
    Outcome.AMBIGUOUS: "?",
    Outcome.ACTIVATED: "A",
    Outcome.ALREADY_ACTIVE: "a",
    Outcome.FAILED: "F",
    Outcome.NOT_ATTEMPTED: "N",
    Outcome.UNKNOWN: "U",
}
"""One ASCII character per id, so that a slice's outcomes are readable in `redis-cli`."""

BY_CODE: Final = {code: outcome for outcome, code in CODES.items()}

COUNTED: Final = tuple(CODES)
"""The outcomes whose counts add up to the job's total, in the order of the report."""

FINAL: Final = frozenset(CODES) - {Outcome.PENDING, Outcome.AMBIGUOUS}
SUCCEEDED: Final = frozenset({Outcome.ACTIVATED, Outcome.ALREADY_ACTIVE})
UNSUCCESSFUL: Final = frozenset({Outcome.FAILED, Outcome.UNKNOWN, Outcome.NOT_ATTEMPTED})

AT_REST: Final[dict[Outcome, Outcome]] = {
    Outcome.PENDING: Outcome.NOT_ATTEMPTED,
    Outcome.AMBIGUOUS: Outcome.UNKNOWN,
}
"""What open outcomes mean in a job at rest. Ending a job of millions of ids thus changes two counters, and no
id's outcome has to be rewritten."""


def settled_in(counts: Mapping[str, int]) -> int:
    """The ids with a final outcome, by the counts of a job with their `total`."""
    return counts["total"] - counts[Outcome.PENDING] - counts[Outcome.AMBIGUOUS]


def unsuccessful_in(counts: Mapping[str, int]) -> int:
    return sum(counts[outcome] for outcome in UNSUCCESSFUL)
