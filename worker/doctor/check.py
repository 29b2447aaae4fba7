"""The result of a check, and the exit code of all."""

from collections.abc import Iterable
from enum import StrEnum

import msgspec


class Status(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """A job would run, but something should be improved."""
    SKIPPED = "skipped"
    """Could not be checked from here, or because an earlier check failed."""
    FAILED = "failed"
    UNREACHABLE = "unreachable"


class Check(msgspec.Struct, frozen=True):
    """One line of the doctor's findings."""

    name: str
    status: Status
    message: str
    """What was found, and what to do unless all is well."""


def exit_code(checks: Iterable[Check]) -> int:
    """7 if anything is unreachable, as what lies behind it is unchecked; else 1 if a check failed, or 0."""
    found = {check.status for check in checks}
    if Status.UNREACHABLE in found:
        return 7
    return 1 if Status.FAILED in found else 0
