"""What the learner reaches on each group of cases: `python -m tests.core.rate.score [OPTION]...`

    --seeds 4               how many limits of each kind
    --from 1                the first seed; the learner's numbers were chosen with 1 and 2
    --shorter 1             the share of the simulated time, for a quick look
    --group TEXT            only groups whose name contains it
    --each                  a row for each case, too
    --learner MODULE        others beside the present one: modules, or MODULE:NAME, with its four functions

A cell shows the share of the limit that was used, the same for the worst seed, and the share of requests that
were throttled, all in %. A group's are the means over its cases.
"""

import argparse
import time
from collections.abc import Sequence
from importlib import import_module
from statistics import mean
from typing import Any, Final, NamedTuple

from rich.console import Console
from rich.table import Table

from tests.core.rate.budget_model import Learner
from tests.core.rate.case import Case
from tests.core.rate.cases import CASES
from worker.core.rate import learning

PRESENT: Final = "worker.core.rate.learning"


class Score(NamedTuple):
    share: float
    worst: float
    """The lowest share of any seed; of several cases, the mean of their lowest."""
    throttled: float

    def __str__(self) -> str:
        return f"{100 * self.share:.1f}  {100 * self.worst:.1f}  {100 * self.throttled:.2f}"


def score(case: Case, seeds: Sequence[int], learner: Learner = learning, shorter: float = 1.0) -> Score:
    found = [case.run(seed, learner=learner, shorter=shorter) for seed in seeds]
    shares = [share for share, _ in found]
    return Score(mean(shares), min(shares), mean(done.throttled_share for _, done in found))


def mean_of(scores: Sequence[Score]) -> Score:
    return Score(*(mean(column) for column in zip(*scores, strict=True)))


def by_group(scores: dict[Case, Score]) -> dict[str, Score]:
    """The mean of each group, and of all cases."""
    groups: dict[str, list[Score]] = {}
    for case, found in scores.items():
        groups.setdefault(case.group, []).append(found)
    return {group: mean_of(found) for group, found in groups.items()} | {"all": mean_of([*scores.values()])}


def learner_named(name: str) -> Any:
    module, _, attribute = name.partition(":")
    found = import_module(module)
    return getattr(found, attribute) if attribute else found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--from", type=int, default=1, dest="first")
    parser.add_argument("--shorter", type=float, default=1.0)
    parser.add_argument("--group", default="")
    parser.add_argument("--each", action="store_true")
    parser.add_argument("--learner", action="append", default=[PRESENT])
    given = parser.parse_args()
    begun = time.process_time()
    seeds = range(given.first, given.first + given.seeds)
    cases = [case for case in CASES if given.group in case.group]
    table = Table("share, worst seed, 429s in %", *given.learner)
    columns: list[dict[str, Score]] = []
    for name in given.learner:
        learner = learner_named(name)
        scores = {case: score(case, seeds, learner, given.shorter) for case in cases}
        each = {f"  {case.name}": found for case, found in scores.items()} if given.each else {}
        columns.append(each | by_group(scores))
    for row in columns[0]:
        table.add_row(row, *(str(column[row]) for column in columns))
    Console().print(table)
    Console().print(f"{len(cases)} cases, {given.seeds} seeds, {time.process_time() - begun:.0f} s of CPU")


if __name__ == "__main__":
    main()
