"""Where a job's time went, and what would help: the sentence that `status` shows.

Batch-seconds over the seconds that the job ran tell how many batches stood there on average. They do not tell
a rate that is the limit from a worker that comes too late to its slots, since both wait for the next one:
only the speed does, beside the speed that was allowed.
"""

from collections.abc import Mapping
from typing import Final

MIN_SECONDS: Final = 3.0
"""Seconds that a job has to have run for anything to be said of it."""
MIN_BATCHES: Final = 0.5
"""Batches that stand somewhere on average: fewer are nothing to wait for."""
USED_SHARE: Final = 0.7
"""Share of the allowed rate above which the rate is the limit."""

THROTTLED_SHARE: Final = 0.05
"""Share of 429s among the requests from which on they are what limits. Their time alone does not show it: a
slice that is given back for a long hold waits nowhere."""

RATE: Final = (
    "the rate is the limit: more workers would not help; raise what was set (RATE_MAX over `auto`, RATE, or"
    " `bulk-activate set-rate`), or where 429s set it, ask the API's provider for a higher quota"
)
HELD: Final = "429s hold it: more workers would not help; lower the rate, or ask for a higher quota"
SLOW: Final = "the API's answers are slow: more CONCURRENCY or more workers would help"
FAULTS: Final = "faults of the API are the limit: batches wait to be sent again; more workers would not help"
WORKERS: Final = "the workers are the limit: add workers"


def bottleneck(
    seconds: Mapping[str, float], *, sent: int, throttled: int, allowed: float | None
) -> str | None:
    """The sentence; None where the job ran too short for one.

    `seconds` as in the report's `progress`, `sent` the job's requests, `throttled` those answered 429,
    `allowed` requests per second.
    """
    active = seconds["active"]
    if active < MIN_SECONDS:
        return None
    if throttled and throttled >= THROTTLED_SHARE * sent:
        return HELD
    waits = {
        HELD: seconds["held_by_429"],
        RATE: seconds["waiting_for_rate"],
        SLOW: seconds["waiting_for_place"],
        FAULTS: seconds["backing_off"],
    }
    longest = max(waits, key=lambda sentence: waits[sentence])
    if waits[longest] < MIN_BATCHES * active:
        return SLOW if seconds["in_flight"] >= MIN_BATCHES * active else WORKERS
    speed = sent / active
    if longest == RATE and allowed is not None and speed < USED_SHARE * allowed:
        return (
            f"{round(speed, 1):g} of the {allowed:g} requests/s allowed now were used: the rate was lower"
            " before, other jobs have a share, or the workers are the limit: if no other job runs, add some"
        )
    return longest
