"""Arguments of the scripts that commands and workers call alike, and the constants that are passed."""

from collections.abc import Set as AbstractSet
from typing import Final

from worker.core.job import ALLOWED_FROM, IN_FORCE, READABLE_VERSIONS, Control
from worker.store import keys

WINDOW: Final = 8
"""Maximum slices of a job that wait in the queue, besides those claimed: enough that any free worker finds
one, few enough that a small job does not wait behind a large one."""

REDELIVER_AFTER_MS: Final = 15_000
"""Milliseconds after which the message for a slice that still waits counts as lost, and is sent again. A
second message is harmless: its slice is claimed or done."""

ABANDONED_MS: Final = 600_000
"""Milliseconds of silence after which an upload is removed; its submitter gets an error, should it wake."""

PURGED_AT_ONCE: Final = 100
"""Slices whose keys one script call removes: 600 keys, about 2 ms. A job of 10 million ids has 3,473
slices."""


def control_args(control: Control, code: str, message: str, actor: str) -> list[str | int]:
    """Arguments to change the state of a job, and to record the reason: `code`, `message` and `actor`."""
    return [control, listed(ALLOWED_FROM[control]), listed(IN_FORCE[control]), code, message, actor, WINDOW]


def listed(words: AbstractSet[str]) -> str:
    """The words with a space before and after each, so that Lua finds one without a pattern."""
    return f" {' '.join(sorted(words))} "


def purge_args(rested_ms: int, abandoned_ms: int = ABANDONED_MS) -> list[str | int]:
    """Arguments to purge a job at rest for `rested_ms`, or an upload silent for `abandoned_ms`."""
    parts = (" ".join(keys.PER_JOB), " ".join(keys.PER_SLICE))
    return [rested_ms, PURGED_AT_ONCE, *parts, abandoned_ms, listed(READABLE_VERSIONS)]
