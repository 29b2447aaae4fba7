"""A rate that was set, with Redis in another region: what of it is reached, and in how many round trips."""

from collections.abc import Iterator
from typing import Final

from tests.benchmarks.figures import at_most_in_a_second, steady
from tests.benchmarks.options import BURST, SPARE, TOO_LONG, Options, Row
from tests.benchmarks.ours import wait, workers
from tests.limits.started import limited_api

ROUND_TRIPS: Final = (0.01, 0.03, 0.06, 0.1, 0.15, 0.2, 0.3)
"""Seconds."""
_JITTER: Final = 0.2
"""Of the round trip: up to so much more or less."""
_MARGIN: Final = 1.02


def far(options: Options) -> Iterator[Row]:
    rate = options.rates[0]
    for processes in options.processes[:2]:
        for round_trip in ROUND_TRIPS:
            yield _far(options, rate, processes, round_trip)


def _far(options: Options, rate: int, processes: int, round_trip: float) -> Row:
    with (
        limited_api("bucket", rate=rate * _MARGIN, burst=BURST, latency=options.latency) as api,
        workers(api.url, processes, (round_trip, _JITTER * round_trip), RATE=str(rate)) as ours,
    ):
        job_id = ours.submit(round(rate * options.seconds))
        finished = wait(lambda: ours.rests(job_id), options.seconds * TOO_LONG + SPARE)
        run = steady(api.arrivals(), rate)
    return {
        "round trip, ms": round(1000 * round_trip),
        "rate": rate,
        "processes": processes,
        "share": round(run.share, 4),
        "fullest second": run.most_in_a_second,
        "at most": at_most_in_a_second(rate),
        "429s": run.throttled,
        "finished": finished,
    }
