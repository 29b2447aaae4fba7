"""The cases of the table of figures that the worker has to reach, each run against a real limit.

A case yields rows: the name of a column and what stands there. Each run has a fresh server, a fresh Redis
and fresh worker processes, all on this machine.
"""

import statistics
from collections.abc import Callable, Iterator
from typing import Final

from tests.benchmarks.commands import pacing, watch
from tests.benchmarks.far import far
from tests.benchmarks.figures import Steady, at_most_in_a_second, reached, steady
from tests.benchmarks.learning import low, penalty, steps, unknown
from tests.benchmarks.options import BURST, SPARE, STEPS, TOO_LONG, Options, Row, row_of
from tests.benchmarks.ours import wait, workers
from tests.benchmarks.peers.races import race
from tests.benchmarks.precedence import put_first
from tests.limits.nginx import nginx
from tests.limits.started import limited_api

_MARGIN: Final = 1.02
"""By so much is the limiter of a known rate above it."""


def known(options: Options) -> Iterator[Row]:
    for rate in options.rates:
        for processes in options.processes:
            runs = [_known(options, rate, processes) for _ in range(options.runs)]
            shares = [run.share for run, _, _ in runs]
            yield {
                "rate": rate,
                "processes": processes,
                "runs": len(runs),
                "share, median": round(statistics.median(shares), 4),
                "share, lowest": round(min(shares), 4),
                "fullest second": max(run.most_in_a_second for run, _, _ in runs),
                "at most": at_most_in_a_second(rate),
                "429s": sum(run.throttled for run, _, _ in runs),
                "unfinished": sum(not finished for _, finished, _ in runs),
                "API and Redis go first by": runs[0][2],
            }


def _known(options: Options, rate: int, processes: int) -> tuple[Steady, bool, str]:
    """The figures, whether the job ended in time, and by what the API and Redis went before the workers."""
    with (
        limited_api("bucket", rate=rate * _MARGIN, burst=BURST, latency=options.latency) as api,
        workers(api.url, processes, RATE=str(rate)) as ours,
    ):
        precedence = put_first(api.pid, ours.server)
        job_id = ours.submit(round(rate * options.seconds))
        finished = wait(lambda: ours.rests(job_id), options.seconds * TOO_LONG + SPARE)
        return steady(api.arrivals(), rate), finished, precedence


def behind_nginx(options: Options) -> Iterator[Row]:
    for rate in options.rates:
        for _ in range(options.runs):
            with (
                limited_api(latency=options.latency) as api,
                nginx(rate, behind=api.url) as limit,
                workers(limit.url, 2, RATE=str(rate * 0.99)) as ours,
            ):
                job_id = ours.submit(round(rate * options.seconds))
                wait(lambda: ours.rests(job_id), options.seconds * TOO_LONG + SPARE)  # noqa: B023 -- called at once.
                found = reached(limit.arrivals(), lambda seconds: 1 + rate * seconds)  # noqa: B023 -- as above.
                yield {"nginx rate": rate, **row_of(found)}


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


def peers(options: Options) -> Iterator[Row]:
    yield from race(options.batches, options.latency, STEPS)


CASES: Final[dict[str, Callable[[Options], Iterator[Row]]]] = {
    "known": known,
    "nginx": behind_nginx,
    "unknown": unknown,
    "low": low,
    "far": far,
    "steps": steps,
    "penalty": penalty,
    "roundtrips": roundtrips,
    "peers": peers,
}
