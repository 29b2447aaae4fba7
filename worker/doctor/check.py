"""One thing that was looked at, and how it stands."""

from collections.abc import Iterable
from enum import StrEnum

import msgspec


class Status(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """A job would run, with a weakness."""
    SKIPPED = "skipped"
    """Could not be looked at from here, or for want of what a check before it did not find."""
    FAILED = "failed"
    UNREACHABLE = "unreachable"


class Check(msgspec.Struct, frozen=True):
    name: str
    status: Status
    message: str
    """What was found; where that is not well, what to do."""


def exit_code(checks: Iterable[Check]) -> int:
    """Out of reach counts before failed: what lies behind it could not be looked at."""
    found = {check.status for check in checks}
    if Status.UNREACHABLE in found:
        return 7
    return 1 if Status.FAILED in found else 0
