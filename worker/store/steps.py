"""The Lua steps, loaded once, and their answers as values.

Every code that a script returns stands in `Code`; a test holds the two to each other.
"""

from collections.abc import Sequence
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from worker.core.errors import BulkActivateError


class Step(StrEnum):
    CREATE = "create"
    LAUNCH = "launch"
    CLAIM = "claim"
    COMMIT = "commit"
    CONTROL = "control"
    SWEEP = "sweep"
    PURGE = "purge"
    UNTOLD = "untold"
    STORE = "store"
    SET_ASIDE = "set_aside"


class BudgetStep(StrEnum):
    RESERVE = "reserve"
    THROTTLE = "throttle"
    DECIDE = "decide"
    SET_RATE = "set_rate"


class ExchangeStep(StrEnum):
    BEGIN = "exchange_begin"
    END = "exchange_end"


class Code(StrEnum):
    CREATED = "CREATED"
    FOUND = "FOUND"
    TAKEN = "TAKEN"
    LAUNCHED = "LAUNCHED"
    ALREADY = "ALREADY"
    CLAIMED = "CLAIMED"
    DONE = "DONE"
    RESTING = "RESTING"
    COMMITTED = "COMMITTED"
    REPEATED = "REPEATED"
    FENCED = "FENCED"
    CHANGED = "CHANGED"
    IN_FORCE = "IN_FORCE"
    ILLEGAL = "ILLEGAL"
    SWEPT = "SWEPT"
    PURGED = "PURGED"
    PURGING = "PURGING"
    KEPT = "KEPT"
    HELD = "HELD"
    OTHER_HOST = "OTHER_HOST"
    OTHER_ORG = "OTHER_ORG"
    OTHER_VERSION = "OTHER_VERSION"
    BAD_ORG = "BAD_ORG"
    UNTOLD = "UNTOLD"
    ALONE = "ALONE"
    SET_ASIDE = "SET_ASIDE"
    GIVEN_BACK = "GIVEN_BACK"
    STORED = "STORED"
    ABANDONED = "ABANDONED"
    NO_JOB = "NO_JOB"


class Answer(NamedTuple):
    code: Code
    rest: list[Any]
    """As Redis gave it: integers and bytes."""


class Ticket(NamedTuple):
    """A slice for which a message is to be sent."""

    slice_no: int
    size: int


def tickets(raw: Sequence[bytes]) -> list[Ticket]:
    return [Ticket(*map(int, ticket.split(b":"))) for ticket in raw]


@cache
def text(step: Step | BudgetStep | ExchangeStep) -> str:
    """The script, with what all steps of its kind share before it."""
    folder = files(__package__).joinpath("scripts")
    body = folder.joinpath(f"{step}.lua").read_text()
    if isinstance(step, ExchangeStep):
        return body
    shared = "budget.lua" if isinstance(step, BudgetStep) else "prelude.lua"
    return folder.joinpath(shared).read_text() + body


def answer(raw: Any) -> Answer:
    """Reads {code, ...}. Raises `BulkActivateError` for what no script of this version returns."""
    try:
        return Answer(Code(raw[0].decode()), list(raw[1:]))
    except (TypeError, IndexError, AttributeError, ValueError) as error:
        raise BulkActivateError(f"a Lua step of the store answered {raw!r}, which it never should") from error
