"""Ours and the peers, one after another, against the same kind of server with the same work.

| scenario | limit | what the peers are told |
|---|---|---|
| known | 51/s, burst 10 | 50/s, as we are |
| unknown | 50/s, burst 10 | a guess, 25/s or 100/s; we are told nothing |
| steps | 200/s, then 20/s, then 200/s | 200/s; we are told nothing |

No answer tells when to come back, as the API documents none.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Final

from tests.benchmarks.figures import Reached, reached
from tests.benchmarks.ours import wait, workers
from tests.benchmarks.peers.runs import PEERS, lacking
from tests.limits.arrivals import until
from tests.limits.schedule import Schedule
from tests.limits.started import limited_api

Contestant = Callable[[str, int], AbstractContextManager[None]]
"""(the API's URL, batches)"""

_TOO_LONG: Final = 3.0
_BURST: Final = 10


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    limit: dict[str, Any]
    batches: int
    allowed: Callable[[float], float]
    """What passes in so many seconds, at best."""
    ours: dict[str, str]
    """Our settings."""
    given_rates: tuple[float, ...]
    """Requests per second that each peer is set to, one race for each."""
    most: float
    """Seconds after which a race is ended."""
    length: float | None = None
    """Seconds that count; else a race ends with the last batch."""


def scenarios(batches: int, steps: Schedule) -> list[Scenario]:
    ideal = batches / 50
    auto = {"RATE": "auto", "RATE_START": "10", "RATE_MAX": "1000"}
    return [
        Scenario(
            "known",
            {"rate": 51, "burst": _BURST},
            batches,
            lambda seconds: 1 + 50 * seconds,
            {"RATE": "50"},
            (50.0,),
            ideal * _TOO_LONG,
        ),
        Scenario(
            "unknown",
            {"rate": 50, "burst": _BURST},
            batches,
            lambda seconds: _BURST + 50 * seconds,
            auto,
            (25.0, 100.0),
            ideal * _TOO_LONG,
        ),
        Scenario(
            "steps",
            {"schedule": steps, "burst": _BURST},
            round(steps.allowed(steps.seconds) * 1.2),
            steps.allowed,
            auto,
            (200.0,),
            steps.seconds + 3,
            steps.seconds,
        ),
    ]


def race(batches: int, latency: float, steps: Schedule) -> Iterator[dict[str, Any]]:
    """A row for each contestant in each scenario."""
    if without := lacking():
        raise SystemExit(
            f"the peers need {', '.join(without)}: install deploy/requirements/benchmark.txt with"
            " pip install --require-hashes -r, or leave the case 'peers' out"
        )
    for scenario in scenarios(batches, steps):
        yield _row(
            scenario,
            "ours",
            "nothing" if scenario.ours["RATE"] == "auto" else "50/s",
            _ours(scenario),
            latency,
        )
        for name, peer in PEERS.items():
            for rate in scenario.given_rates:

                def contestant(url: str, count: int, rate: float = rate, peer: Any = peer) -> Any:
                    return peer(url, count, rate)

                yield _row(scenario, name, f"{rate:g}/s", contestant, latency)


def _row(scenario: Scenario, name: str, told: str, contestant: Contestant, latency: float) -> dict[str, Any]:
    found = _run(scenario, contestant, latency)
    return {
        "scenario": scenario.name,
        "who": name,
        "told": told,
        "share of the ideal": round(found.share, 4),
        "429s": round(found.throttled_share, 4),
        "requests": found.requests,
        "admitted": found.admitted,
        "of": scenario.batches,
        "seconds": round(found.seconds, 1),
    }


def _run(scenario: Scenario, contestant: Contestant, latency: float) -> Reached:
    with limited_api("bucket", latency=latency, **scenario.limit) as api:
        with contestant(api.url, scenario.batches):
            wait(lambda: api.admitted() >= scenario.batches, scenario.most)
        arrivals = api.arrivals()
    if scenario.length is not None:
        arrivals = list(until(arrivals, scenario.length))
    return reached(arrivals, scenario.allowed, scenario.length)


def _ours(scenario: Scenario) -> Contestant:
    @contextmanager
    def run(url: str, batches: int) -> Iterator[None]:
        with workers(url, 2, **scenario.ours) as ours:
            ours.submit(batches)
            yield

    return run
