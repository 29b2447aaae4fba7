"""How fast it sends, and what that costs: `python -m tests.benchmarks.speed [all|bare|workers|peers]`.

    bare      one worker process beside the bare aiohttp loop, at 0 ms and at 20 ms of the API's latency,
              and the Redis commands that its clients send per batch
    workers   two worker processes beside one, at 20 ms
    peers     one worker process beside other ways to do the same work (needs the extra `benchmark`; arq gets
              an environment of its own, made with pip in a temporary folder, or in that of --arq)

Prints ratios: medians of interleaved pairs, with the lowest and the highest; asserts nothing. CPU is that of
the sender's processes with their children; speed is by the server's clock. Server, Redis and senders share
this machine's cores, so what else runs on it shows in speeds at once, and in CPU a little.
"""

import argparse
import importlib.util
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from tests.benchmarks.commands import counted
from tests.benchmarks.contestants import FULL_SPEED, Cost, Run, bare, echo, ours, warm_up
from tests.benchmarks.ours import workers
from tests.benchmarks.peers.queues import NEEDED, QUEUES, arq_environment, cookbook
from worker.settings import Settings

LATENCIES: Final = (0.0, 0.02)


@dataclass(frozen=True, slots=True)
class Given:
    pairs: int
    batches: int
    peer_batches: int
    arq: Path | None
    in_flight: int

    @property
    def settings(self) -> dict[str, str]:
        """Of our worker."""
        return FULL_SPEED | {"CONCURRENCY": str(self.in_flight)}


@dataclass(frozen=True, slots=True)
class Row:
    figure: str
    values: list[float]
    """Of each pair."""
    to_reach: str
    note: str = ""


def pairs(left: Run, right: Run, count: int) -> list[tuple[Cost, Cost]]:
    """Each in turn first, so that a machine that gets slower or faster favours neither."""
    found: list[tuple[Cost, Cost]] = []
    for number in range(count):
        if number % 2:
            second = right()
            found.append((left(), second))
        else:
            found.append((left(), right()))
    return found


def cpu(found: list[tuple[Cost, Cost]]) -> list[float]:
    return [left.cpu / right.cpu for left, right in found]


def speed(found: list[tuple[Cost, Cost]]) -> list[float]:
    return [left.speed / right.speed for left, right in found]


def medians(found: list[tuple[Cost, Cost]]) -> str:
    """The medians behind a ratio."""
    return " | ".join(_medians(side) for side in zip(*found, strict=True))


def _medians(side: Sequence[Cost]) -> str:
    of_cpu, of_speed, of_api, of_redis = (
        statistics.median(values)
        for values in zip(*((cost.cpu, cost.speed, cost.api, cost.redis) for cost in side), strict=True)
    )
    return f"{of_cpu:.0f} us (API {of_api:.0f}, Redis {of_redis:.0f}), {of_speed:.0f}/s"


def beside_the_bare_loop(given: Given) -> Iterator[Row]:
    for latency in LATENCIES:
        with echo(latency) as api, workers(api.url, 1, **given.settings) as worker:
            warm_up(api, worker)
            right = partial(bare, api, given.batches, given.in_flight)
            found = pairs(partial(ours, api, worker, given.batches), right, given.pairs)
            at = f"at {1000 * latency:.0f} ms"
            yield Row(f"CPU per batch / bare loop, {at}", cpu(found), "at most 1.3", medians(found))
            yield Row(f"throughput / bare loop, {at}", speed(found), "" if latency else "at least 0.8")
            if not latency:
                of_redis = [left.redis for left, _ in found]
                yield Row("Redis CPU per batch, us", of_redis, "at most 20")
                commands = counted(worker.client, partial(ours, api, worker, given.batches))
                each = commands.total() / given.batches
                most = ", ".join(f"{name} {count}" for name, count in commands.most_common(6))
                yield Row("Redis commands per batch", [each], "at most 0.2", most)


def processes(given: Given) -> Iterator[Row]:
    with (
        echo(LATENCIES[-1]) as api,
        workers(api.url, 2, **given.settings) as two,
        workers(api.url, 1, **given.settings) as one,
    ):
        for worker in (one, two):
            warm_up(api, worker)
        found = pairs(
            partial(ours, api, two, 2 * given.batches), partial(ours, api, one, given.batches), given.pairs
        )
        yield Row("two processes / one, at 20 ms", speed(found), "at least 1.8", medians(found))


def beside_peers(given: Given) -> Iterator[Row]:
    if without := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        raise SystemExit(
            f"the peers need {', '.join(without)}: install deploy/requirements/benchmark.txt with"
            " pip install --require-hashes -r, or leave the case 'peers' out"
        )
    own = Path(sys.executable).parent
    with tempfile.TemporaryDirectory() as made, arq_environment(given.arq or Path(made)) as arq:
        for latency in LATENCIES:
            with echo(latency) as api, workers(api.url, 1, **given.settings) as worker:
                warm_up(api, worker)
                left = partial(ours, api, worker, given.batches)
                rights: dict[str, Run] = {
                    name: partial(queue.measure, api, given.peer_batches, arq if queue.needs_arq else own)
                    for name, queue in QUEUES.items()
                }
                rights["cookbook"] = partial(cookbook, api, given.peer_batches)
                for name, right in rights.items():
                    found = pairs(left, right, given.pairs)
                    at = f"{name}, at {1000 * latency:.0f} ms"
                    yield Row(f"CPU per batch / {at}", cpu(found), "at most 0.25 of the best", medians(found))
                    to_reach = "at least 20" if "chord" in name else ""
                    yield Row(f"throughput / {at}", speed(found), to_reach)


CASES: Final[dict[str, Callable[[Given], Iterator[Row]]]] = {
    "bare": beside_the_bare_loop,
    "workers": processes,
    "peers": beside_peers,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("case", nargs="?", default="all", choices=("all", *CASES))
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--batches", type=int, default=10_000, help="of our runs and the bare loop's")
    parser.add_argument("--peer-batches", type=int, default=1_500, help="of a peer's run")
    parser.add_argument("--arq", type=Path, help="folder of arq's environment, made if it is not there")
    default = Settings.model_fields["concurrency"].default
    parser.add_argument("--in-flight", type=int, default=default, help="of our worker and the bare loop")
    options = vars(parser.parse_args())
    case = options.pop("case")
    made = Table("figure", "median", "lowest", "highest", "to reach", "ours | theirs")
    for name in CASES if case == "all" else [case]:
        for row in CASES[name](Given(**options)):
            low, high = min(row.values), max(row.values)
            figures = [f"{value:.3f}" for value in (statistics.median(row.values), low, high)]
            made.add_row(row.figure, *figures, row.to_reach, row.note)
            Console(stderr=True).print(row.figure, *figures, row.note)
    Console(width=200).print(made)


if __name__ == "__main__":
    main()
