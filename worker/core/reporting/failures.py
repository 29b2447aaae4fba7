"""The failures of a job, grouped for its report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec

from worker.core.reason import ID_PLACEHOLDER, Reason
from worker.core.reporting.schema import FailureGroup
from worker.core.retrying.retryable import is_retryable

MAX_FAILURE_GROUPS: Final = 50
"""Maximum number of failure groups in a report; smaller groups are combined into one more."""
_MAX_SAMPLES: Final = 5
"""Maximum ids that a group names."""


def parse_reason(text: str) -> Reason:
    """Parses a reason as stored by `commit.lua`: name, status and message, separated by NUL."""
    name, status, message = text.split("\0", 2)
    return Reason(name, message, int(status))


@dataclass(slots=True)
class FailureGroups:
    """Ids that failed, counted by the name and the status of their reason."""

    _groups: dict[tuple[str, int], FailureGroup] = field(default_factory=dict)

    def add(self, reason: Reason, count: int, ids: Sequence[str]) -> None:
        """Adds `count` ids that failed for `reason`, among them `ids`. A group keeps its first message."""
        key = (reason.name, reason.status)
        known = self._groups.get(key)
        if known is None:
            self._groups[key] = FailureGroup(
                reason.name,
                reason.message,
                count,
                reason.status,
                list(ids[:_MAX_SAMPLES]),
                is_retryable(reason),
            )
        else:
            samples = [*known.sample_ids, *ids][:_MAX_SAMPLES]
            self._groups[key] = msgspec.structs.replace(known, count=known.count + count, sample_ids=samples)

    def ranked(self) -> list[FailureGroup]:
        """The groups by size, name and status; all after `MAX_FAILURE_GROUPS` combined into one."""
        order = sorted(self._groups.values(), key=lambda group: (-group.count, group.reason, group.status))
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


def group_failures(
    reasons: Mapping[int, str], reason_counts: Mapping[int, int], samples: Mapping[int, str]
) -> list[FailureGroup]:
    """Groups failures by reason and status, largest group first.

    All arguments are keyed by the number of the interned reason: its text, its number of ids, and some ids
    separated by white space.
    """
    groups = FailureGroups()
    for number, count in sorted(reason_counts.items(), key=lambda item: (-item[1], item[0])):
        reason = parse_reason(reasons[number])
        message = reason.message.replace(ID_PLACEHOLDER, "<id>")
        groups.add(replace(reason, message=message), count, samples.get(number, "").split())
    return groups.ranked()
