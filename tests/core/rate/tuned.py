"""What half and double of each of the learner's numbers cost: `python -m tests.core.rate.tuned [NAME]...`

Prints, in points of the share of the limit, the mean over all cases and the group that loses most. The runs
are short and of few seeds: what is less than half a point may be chance. Takes some ten minutes.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console

from tests.core.rate.cases import CASES
from tests.core.rate.score import by_group, score
from worker.core.rate import tuning

SEEDS: Final = (1, 2)
EVERY: Final = 4
"""One in so many cases is simulated."""
SHORTER: Final = 0.2
AROUND_ONE: Final = (
    "RISEN",
    "STEP_PASSED",
    "CLIMB_GAIN",
    "TWO_STEPS",
    "ONE_STEP",
    "CLOSE",
    "CLOSE_WHERE_DEAR",
)
"""Ratios above 1: what is halved and doubled is what they exceed 1 by."""
UP_TO_ONE: Final = ("MARGIN",)
"""Shares near 1: what is halved and doubled is what they are short of 1 by."""


def changed(name: str, factor: float) -> float:
    value = float(getattr(tuning, name))
    if name in (*AROUND_ONE, *UP_TO_ONE):
        return 1 + factor * (value - 1)
    return min(factor * value, 1.0) if value < 1 and name in ("USED", "MIDDLE") else factor * value


@contextmanager
def tuned(name: str, value: float) -> Iterator[None]:
    before = getattr(tuning, name)
    setattr(tuning, name, value)
    try:
        yield
    finally:
        setattr(tuning, name, before)


def shares() -> dict[str, float]:
    found = by_group({case: score(case, SEEDS, shorter=SHORTER) for case in CASES[::EVERY]})
    return {group: 100 * one.share for group, one in found.items()}


def main() -> None:
    console = Console(width=110)
    names = sys.argv[1:] or [name for name in vars(tuning) if name.isupper()]
    known = shares()
    for name in names:
        for word, factor in (("half", 0.5), ("double", 2.0)):
            value = changed(name, factor)
            with tuned(name, value):
                found = shares()
            gain = {group: found[group] - known[group] for group in known}
            worst = min(gain, key=lambda group: gain[group])
            console.print(
                f"{name:22}{word:7}{value:8.3g}  all {gain['all']:+5.1f}   {worst} {gain[worst]:+.1f}",
                highlight=False,
            )


if __name__ == "__main__":
    main()
