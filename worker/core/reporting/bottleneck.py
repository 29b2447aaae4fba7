"""Finds what limits a job's speed, and words it for `status`.

The batch-seconds of a phase divided by the seconds that the job ran are the mean number of batches in that
phase. That does not distinguish a limiting rate from a worker that misses its slots, since both wait for the
next slot; the comparison of the actual with the allowed speed does.
"""

from collections.abc import Mapping
from typing import Final

MIN_SECONDS: Final = 3.0
"""Minimum seconds that a job must have run for a sentence about it."""
MIN_BATCHES: Final = 0.5
"""Minimum mean number of batches in a phase for that phase to count as the limit."""
USED_SHARE: Final = 0.7
"""Minimum share of the allowed rate that is used, for the rate to count as the limit."""

THROTTLED_SHARE: Final = 0.05
"""Minimum share of 429s among the requests for them to count as the limit. The time spent in holds alone does
not show it: a slice that is given back during a long hold is in no phase."""

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
    """The sentence on what limits the job; None if it ran for less than `MIN_SECONDS`.

    `seconds`: as in the report's `progress`. `sent`: requests of the job. `throttled`: those answered 429.
    `allowed`: the current rate in requests per second, if known.
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
