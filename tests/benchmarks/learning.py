"""The cases in which nobody tells the worker the rate: it starts somewhere and is judged by the whole run."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Final

from tests.benchmarks.figures import reached
from tests.benchmarks.options import BURST, SPARE, STEPS, TOO_LONG, Options, Row, row_of
from tests.benchmarks.ours import wait, workers
from tests.core.rate.cases import LOW_LIMITS, STARTS
from tests.limits.arrivals import until
from tests.limits.started import limited_api

LOW_BATCHES: Final = 60


def unknown(options: Options) -> Iterator[Row]:
    for burst in (10, 50):
        for retry_after in ("none", "ceil"):
            limit = {"rate": 50, "burst": burst, "retry_after": retry_after, "latency": options.latency}
            with (
                limited_api("bucket", **limit) as api,
                workers(api.url, 2, RATE="auto", RATE_START="10") as ours,
            ):
                job_id = ours.submit(options.batches)
                wait(lambda: ours.rests(job_id), options.batches / 50 * TOO_LONG + SPARE)  # noqa: B023 -- called at once.
                found = reached(api.arrivals(), lambda seconds: burst + 50 * seconds)  # noqa: B023 -- as above.
            ideal = (options.batches - burst) / 50
            yield {
                "burst": burst,
                "Retry-After": retry_after,
                "seconds": round(found.seconds, 2),
                "ideal": ideal,
                "times the ideal": round(found.seconds / ideal, 3),
                **row_of(found),
                "of": options.batches,
            }


def low(options: Options) -> Iterator[Row]:
    """A few requests per second, from starts near and far. All limits at once: their workers idle mostly."""
    for burst, start in product((1, 10), STARTS):
        with ThreadPoolExecutor(len(LOW_LIMITS)) as beside:
            yield from beside.map(lambda limit: _low(options, limit, burst, start), LOW_LIMITS)  # noqa: B023 -- ends here.


def _low(options: Options, limit: float, burst: int, start: float) -> Row:
    """The ideal: `burst` at once, and the rest at the limit."""
    ideal = (LOW_BATCHES - burst) / limit
    with (
        limited_api(
            "bucket", rate=limit, burst=burst, retry_after=options.retry_after, latency=options.latency
        ) as api,
        workers(api.url, 1, RATE="auto", RATE_START=f"{start:g}") as ours,
    ):
        job_id = ours.submit(LOW_BATCHES)
        finished = wait(lambda: ours.rests(job_id), ideal * TOO_LONG + SPARE)
        found = reached(api.arrivals(), lambda seconds: burst + limit * seconds)
    return {
        "limit": limit,
        "burst": burst,
        "start": start,
        "Retry-After": options.retry_after,
        "seconds": round(found.seconds, 1),
        "ideal": round(ideal, 1),
        "times the ideal": round(found.seconds / ideal, 2),
        **row_of(found),
        "finished": finished,
    }


def steps(options: Options) -> Iterator[Row]:
    for retry_after in ("none", "ceil"):
        with (
            limited_api(
                "bucket", schedule=STEPS, burst=BURST, retry_after=retry_after, latency=options.latency
            ) as api,
            workers(api.url, 2, RATE="auto", RATE_START="10", RATE_MAX="1000") as ours,
        ):
            ours.submit(round(STEPS.allowed(STEPS.seconds) * 1.2))
            wait(lambda: False, STEPS.seconds + 3)
            found = reached(until(api.arrivals(), STEPS.seconds), STEPS.allowed, STEPS.seconds)
        yield {
            "schedule": str(STEPS),
            "Retry-After": retry_after,
            "ideal": STEPS.allowed(STEPS.seconds),
            **row_of(found),
        }


def penalty(options: Options) -> Iterator[Row]:
    limit = {"rate": 50, "burst": BURST, "penalty": 2, "retry_after": "2", "latency": options.latency}
    for extends in (False, True):
        more = {"extends": True} if extends else {}
        with (
            limited_api("penalty", **limit, **more) as api,
            workers(api.url, 2, RATE="auto", RATE_START="80", RATE_MAX="200") as ours,
        ):
            job_id = ours.submit(options.batches)
            wait(lambda: ours.rests(job_id), options.seconds * TOO_LONG + SPARE)  # noqa: B023 -- called at once.
            arrivals = api.arrivals()
        held = [arrival.held_for for arrival in arrivals if arrival.held_for > 0]
        found = reached(arrivals, lambda seconds: BURST + 50 * seconds)
        yield {
            "a call extends it": extends,
            "in held time": len(held),
            f"beyond {options.grace * 1000:g} ms": sum(late > options.grace for late in held),
            "latest, ms": round(max(held, default=0.0) * 1000, 1),
            **row_of(found),
        }
