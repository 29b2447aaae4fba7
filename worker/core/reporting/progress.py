"""How far a job is, how fast it went, and when it may end."""

import math
from collections.abc import Mapping
from typing import Final

from worker.core.job import AT_REST, State
from worker.core.outcome import Outcome, settled_in
from worker.core.reporting.schema import SECONDS, Progress
from worker.core.timestamp import timestamp

LONGEST_ETA: Final = 10 * 365 * 86400.0
"""Maximum estimate in seconds. A later end is not shown: that of a job that hardly moves may not even be a
valid date."""


def progress_of(fields: Mapping[str, str], counts: Mapping[str, int], now_ms: int, state: State) -> Progress:
    """The progress of a job with the hash `fields` in Redis. `now_ms`: Redis's clock."""
    active_ms = int(fields.get("active_ms", 0))
    if state is State.RUNNING:
        active_ms += max(0, now_ms - int(fields["active_since"]))
    per_second = ids_per_second(counts, active_ms / 1000)
    open_ids = counts["total"] - settled_in(counts)
    seconds_left = open_ids / per_second if per_second else LONGEST_ETA
    moving = state is State.RUNNING and seconds_left < LONGEST_ETA
    seconds = {name: int(fields.get(f"r_ms_{name}", 0)) / 1000 for name in SECONDS}
    return Progress(
        percent=percent_settled(counts, of_none=100.0 if state in AT_REST else 0.0),
        ids_per_second=round(per_second, 1),
        eta_at=timestamp(now_ms + 1000 * seconds_left) if moving else None,
        seconds={"active": active_ms / 1000, **seconds},
    )


def percent_settled(counts: Mapping[str, int], *, of_none: float = 100.0) -> float:
    """The share of settled ids, rounded down, so that only all of them are 100; `of_none` without ids."""
    total = counts["total"]
    return math.floor(10_000 * settled_in(counts) / total) / 100 if total else of_none


def ids_per_second(counts: Mapping[str, int], active_seconds: float) -> float:
    """Average over the time in `running`, of the ids that were attempted; 0 where no time has passed."""
    attempted = settled_in(counts) - counts[Outcome.NOT_ATTEMPTED]
    return attempted / active_seconds if active_seconds else 0.0
