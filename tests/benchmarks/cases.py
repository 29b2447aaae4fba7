"""The cases of the table of figures that the worker has to reach, each run against a real limit.

A case yields rows: the name of a column and what stands there. Each run has a fresh server, a fresh Redis
and fresh worker processes, all on this machine.
"""

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from tests.benchmarks.commands import pacing, watch
from tests.benchmarks.figures import Reached, Steady, at_most_in_a_second, reached, steady
from tests.benchmarks.ours import wait, workers
from tests.benchmarks.peers.races import race
from tests.limits.arrivals import until
from tests.limits.nginx import nginx
from tests.limits.schedule import Schedule
from tests.limits.started import limited_api

Row = dict[str, Any]

STEPS: Final = Schedule.parse("200:20,20:15,200:36")
BURST: Final = 10
_MARGIN: Final = 1.02
"""By so much is the limiter of a known rate above it."""
_TOO_LONG: Final = 3.0
"""A run is ended after so many times the ideal,"""
_SPARE: Final = 10.0
"""and so many seconds."""


@dataclass(frozen=True, slots=True)
class Options:
    runs: int = 5
    seconds: float = 15.0
    """Of a run at a known rate."""
    rates: tuple[int, ...] = (50, 200, 1000)
    processes: tuple[int, ...] = (1, 2, 4)
    batches: int = 1500
    """Of a run at an unknown rate."""
    latency: float = 0.02
    grace: float = 0.02
    """Seconds that a request may have been on its way when its sender's hold became known."""


def known(options: Options) -> Iterator[Row]:
    for rate in options.rates:
        for processes in options.processes:
            runs = [_known(options, rate, processes) for _ in range(options.runs)]
            shares = [run.share for run, _ in runs]
            yield {
                "rate": rate,
                "processes": processes,
                "runs": len(runs),
                "share, median": round(statistics.median(shares), 4),
                "share, lowest": round(min(shares), 4),
                "fullest second": max(run.most_in_a_second for run, _ in runs),
                "at most": at_most_in_a_second(rate),
                "429s": sum(run.throttled for run, _ in runs),
                "unfinished": sum(not finished for _, finished in runs),
            }


def _known(options: Options, rate: int, processes: int) -> tuple[Steady, bool]:
    """The figures, and whether the job ended in time."""
    with (
        limited_api("bucket", rate=rate * _MARGIN, burst=BURST, latency=options.latency) as api,
        workers(api.url, processes, RATE=str(rate)) as ours,
    ):
        job_id = ours.submit(round(rate * options.seconds))
        finished = wait(lambda: ours.rests(job_id), options.seconds * _TOO_LONG + _SPARE)
        return steady(api.arrivals(), rate), finished


def behind_nginx(options: Options) -> Iterator[Row]:
    for rate in options.rates:
        for _ in range(options.runs):
            with (
                limited_api(latency=options.latency) as api,
                nginx(rate, behind=api.url) as limit,
                workers(limit.url, 2, RATE=str(rate * 0.99)) as ours,
            ):
                job_id = ours.submit(round(rate * options.seconds))
                wait(lambda: ours.rests(job_id), options.seconds * _TOO_LONG + _SPARE)  # noqa: B023 -- called at once.
                found = reached(limit.arrivals(), lambda seconds: 1 + rate * seconds)  # noqa: B023 -- as above.
                yield {"nginx rate": rate, **_reached(found)}


def unknown(options: Options) -> Iterator[Row]:
    for burst in (10, 50):
        for retry_after in ("none", "ceil"):
            limit = {"rate": 50, "burst": burst, "retry_after": retry_after, "latency": options.latency}
            with (
                limited_api("bucket", **limit) as api,
                workers(api.url, 2, RATE="auto", RATE_START="10") as ours,
            ):
                job_id = ours.submit(options.batches)
                wait(lambda: ours.rests(job_id), options.batches / 50 * _TOO_LONG + _SPARE)  # noqa: B023 -- called at once.
                found = reached(api.arrivals(), lambda seconds: burst + 50 * seconds)  # noqa: B023 -- as above.
            ideal = (options.batches - burst) / 50
            yield {
                "burst": burst,
                "Retry-After": retry_after,
                "seconds": round(found.seconds, 2),
                "ideal": ideal,
                "times the ideal": round(found.seconds / ideal, 3),
                **_reached(found),
            }


def steps(options: Options) -> Iterator[Row]:
    with (
        limited_api("bucket", schedule=STEPS, burst=BURST, latency=options.latency) as api,
        workers(api.url, 2, RATE="auto", RATE_START="10", RATE_MAX="1000") as ours,
    ):
        ours.submit(round(STEPS.allowed(STEPS.seconds) * 1.2))
        wait(lambda: False, STEPS.seconds + 3)
        found = reached(until(api.arrivals(), STEPS.seconds), STEPS.allowed, STEPS.seconds)
    yield {"schedule": str(STEPS), "ideal": STEPS.allowed(STEPS.seconds), **_reached(found)}


def penalty(options: Options) -> Iterator[Row]:
    limit = {"rate": 50, "burst": BURST, "penalty": 2, "retry_after": "2", "latency": options.latency}
    for extends in (False, True):
        more = {"extends": True} if extends else {}
        with (
            limited_api("penalty", **limit, **more) as api,
            workers(api.url, 2, RATE="auto", RATE_START="80", RATE_MAX="200") as ours,
        ):
            job_id = ours.submit(options.batches)
            wait(lambda: ours.rests(job_id), options.seconds * _TOO_LONG + _SPARE)  # noqa: B023 -- called at once.
            arrivals = api.arrivals()
        held = [arrival.held_for for arrival in arrivals if arrival.held_for > 0]
        found = reached(arrivals, lambda seconds: BURST + 50 * seconds)
        yield {
            "a call extends it": extends,
            "in held time": len(held),
            f"beyond {options.grace * 1000:g} ms": sum(late > options.grace for late in held),
            "latest, ms": round(max(held, default=0.0) * 1000, 1),
            **_reached(found),
        }


def roundtrips(options: Options) -> Iterator[Row]:
    for rate in options.rates:
        for processes in options.processes:
            with (
                limited_api(latency=options.latency) as api,
                workers(api.url, processes, RATE=str(rate)) as ours,
            ):
                ours.submit(round(rate * options.seconds * 2))
                wait(lambda: api.admitted() > rate, 30.0)  # noqa: B023 -- called at once.
                counted = watch(ours.client, options.seconds / 2)
            each = options.seconds / 2 * processes
            yield {
                "rate": rate,
                "processes": processes,
                "pacing commands per second and process": round(pacing(counted) / each, 2),
                "all": {name: round(count / each, 2) for name, count in counted.most_common(12)},
            }


def _reached(found: Reached) -> Row:
    return {
        "share": round(found.share, 4),
        "429s, share": round(found.throttled_share, 4),
        "requests": found.requests,
        "admitted": found.admitted,
    }


def peers(options: Options) -> Iterator[Row]:
    yield from race(options.batches, options.latency, STEPS)


CASES: Final[dict[str, Callable[[Options], Iterator[Row]]]] = {
    "known": known,
    "nginx": behind_nginx,
    "unknown": unknown,
    "steps": steps,
    "penalty": penalty,
    "roundtrips": roundtrips,
    "peers": peers,
}
