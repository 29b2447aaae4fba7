"""The labels of the axes of a plot, at round numbers."""

import math
from collections.abc import Iterator
from typing import Final, NamedTuple

from worker.reports.html.markup import seconds

_TICKS: Final = 4
"""Ticks of the time axis, at most; steps of the vertical axis."""
_DAY: Final = 86_400
_INTERVALS: Final = tuple(
    unit * times
    for unit, steps in (
        (0.1, (1, 2, 5)),
        (1, (1, 2, 5, 10, 15, 30)),
        (60, (1, 2, 5, 10, 15, 30)),
        (3600, (1, 2, 4, 6, 12)),
    )
    for times in steps
)
"""Allowed seconds between ticks of the time axis; beyond them whole days."""
_LABEL_LIMIT: Final = 0.95
"""Share of the width up to which a tick has room for its label."""


class Tick(NamedTuple):
    """A label of the time axis."""

    percent: float
    """Of the width, from the left."""
    label: str


def time_ticks(span: float) -> Iterator[Tick]:
    """Labels of the time axis, at round numbers after 0."""
    every = tick_interval(span)
    for step in range(1, math.floor(_LABEL_LIMIT * span / every) + 1):
        label = seconds(every * step).removesuffix(" 00s").removesuffix(" 00m").removesuffix(" 00h")
        yield Tick(100 * every * step / span, label)


def tick_interval(span: float) -> float:
    """Round number of seconds between ticks, so that `span` seconds have at most `_TICKS` of them."""
    least = span / (_TICKS + 1)
    return next((every for every in _INTERVALS if every >= least), axis_top(least / _DAY) * _DAY)


def axis_top(value: float) -> float:
    """The next of 1, 2, 4, 6 or 8 times a power of ten, whose quarters are short numbers."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next((step * power for step in (1, 2, 4, 6, 8) if value <= step * power), 10 * power)


def levels(top: float) -> list[str]:
    """Labels of the vertical axis, from `top` down to 0."""
    return [f"{top * step / _TICKS:,.4g}" for step in range(_TICKS, -1, -1)]
