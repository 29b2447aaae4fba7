"""The names and sources of the Lua scripts, and the parsing of their replies.

`Code` has every code that a script returns; a test compares the two.
"""

import re
from collections.abc import Sequence
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any, Final, NamedTuple

from worker.core.errors import BulkActivateError

_INCLUDE: Final = re.compile(r"^-- include: (.+)$", re.MULTILINE)


class Script(StrEnum):
    CREATE = "create"
    START_JOB = "start_job"
    CLAIM = "claim"
    COMMIT = "commit"
    CONTROL = "control"
    SET_WEIGHT = "set_weight"
    SWEEP = "sweep"
    PURGE = "purge"
    LEASE_NOTIFICATIONS = "lease_notifications"
    STORE_PART = "store_part"
    SET_ASIDE = "set_aside"


class BudgetScript(StrEnum):
    RESERVE = "reserve"
    THROTTLE = "throttle"
    ADOPT_RATE = "adopt_rate"
    SET_RATE = "set_rate"


class ExchangeScript(StrEnum):
    BEGIN = "begin"
    END = "end"


class Code(StrEnum):
    CREATED = "CREATED"
    FOUND = "FOUND"
    TAKEN = "TAKEN"
    STARTED = "STARTED"
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
    NOTIFY = "NOTIFY"
    NEEDS_ISOLATION = "NEEDS_ISOLATION"
    SET_ASIDE = "SET_ASIDE"
    GIVEN_BACK = "GIVEN_BACK"
    STORED = "STORED"
    ABANDONED = "ABANDONED"
    NO_JOB = "NO_JOB"


class ScriptReply(NamedTuple):
    code: Code
    values: list[Any]
    """As Redis returned them: integers and bytes."""


class Ticket(NamedTuple):
    """A slice for which a message is to be sent."""

    slice_no: int
    size: int


def tickets(raw: Sequence[bytes]) -> list[Ticket]:
    return [Ticket(*map(int, ticket.split(b":"))) for ticket in raw]


@cache
def source(script: Script | BudgetScript | ExchangeScript) -> str:
    """The text of a script, preceded by the files of `scripts/lib` that it includes, each once."""
    folder = {Script: "job", BudgetScript: "budget", ExchangeScript: "exchange"}[type(script)]
    texts: dict[str, str] = {}
    _add(f"{folder}/{script}", texts)
    return "".join(texts.values())


def _add(name: str, texts: dict[str, str]) -> None:
    """Adds the file `name` of `scripts` to `texts`, after what its `-- include:` names in `scripts/lib`."""
    text = files(__package__).joinpath("scripts", f"{name}.lua").read_text()
    for included in _INCLUDE.findall(text):
        for library in included.split():
            if f"lib/{library}" not in texts:
                _add(f"lib/{library}", texts)
    texts[name] = text


def read_reply(raw: Any) -> ScriptReply:
    """Parses {code, ...}. Raises `BulkActivateError` for a reply that no script of this version returns."""
    try:
        return ScriptReply(Code(raw[0].decode()), list(raw[1:]))
    except (TypeError, IndexError, AttributeError, ValueError) as error:
        raise BulkActivateError(f"a Lua step of the store answered {raw!r}, which it never should") from error
