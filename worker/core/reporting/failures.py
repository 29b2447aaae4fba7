"""The failures of a job, grouped for its report."""

from collections.abc import Iterable, Mapping
from typing import Final

from worker.core.reason import ID_PLACEHOLDER, Reason
from worker.core.reporting.schema import FailureGroup
from worker.core.retrying.retryable import is_retryable

MAX_FAILURE_GROUPS: Final = 50
"""Maximum number of failure groups in a report; smaller groups are combined into one more."""


def parse_reason(text: str) -> Reason:
    """Parses a reason as stored by `commit.lua`: name, status and message, separated by NUL."""
    name, status, message = text.split("\0", 2)
    return Reason(name, message, int(status))


def group_failures(
    reasons: Mapping[int, str], reason_counts: Mapping[int, int], samples: Mapping[int, str]
) -> list[FailureGroup]:
    """Groups failures by reason and status, largest group first.

    All arguments are keyed by the number of the interned reason: its text, its number of ids, and some ids
    separated by spaces.
    """
    groups: dict[tuple[str, int], FailureGroup] = {}
    for number, count in sorted(reason_counts.items(), key=lambda item: (-item[1], item[0])):
        reason = parse_reason(reasons[number])
        ids = samples.get(number, "").split()
        known = groups.get((reason.name, reason.status))
        groups[reason.name, reason.status] = FailureGroup(
            reason=reason.name,
            message=known.message if known else reason.message.replace(ID_PLACEHOLDER, "<id>"),
            count=count + (known.count if known else 0),
            status=reason.status,
            sample_ids=[*(known.sample_ids if known else []), *ids][:5],
            retryable=is_retryable(reason),
        )
    return ranked(groups.values())


def ranked(groups: Iterable[FailureGroup]) -> list[FailureGroup]:
    """Sorts groups by size, name and status; combines all after `MAX_FAILURE_GROUPS` into one."""
    order = sorted(groups, key=lambda group: (-group.count, group.reason, group.status))
    rest = order[MAX_FAILURE_GROUPS:]
    if not rest:
        return order
    others = FailureGroup(
        "OTHER",
        f"{len(rest)} further reasons",
        sum(group.count for group in rest),
        0,
        rest[0].sample_ids,
        retryable=any(group.retryable for group in rest),
    )
    return [*order[:MAX_FAILURE_GROUPS], others]
