"""Draws how the learner follows a limit: `python -m tests.core.rate.trace > .github/images/rate-trace.svg`

The limit is 200/s, 20/s from second 20 on, and 200/s again from second 35 on; its 429s say nothing of when
to come again. Simulated, so that each run draws the same picture.
"""

import itertools
import sys
from collections.abc import Iterable, Iterator
from typing import Any, Final

from tests.core.rate.case import AUTO
from tests.core.rate.simulation import Outcome, Simulation
from tests.limits.limiters import TokenBucket

SECONDS: Final = 60.0
LIMITS: Final = ((0.0, 200.0), (20.0, 20.0), (35.0, 200.0))
"""From which second on the limit is how many requests per second."""
MOST: Final = 260.0
"""Requests per second at the top of the picture."""
LEFT, TOP, WIDTH, HEIGHT = 44, 34, 840, 260
COLOURS: Final = {"climb": "#0969da", "test": "#bc4c00", "steady": "#1a7f37"}
GREY, RED = "#6e7781", "#cf222e"


def simulate() -> Outcome:
    bucket = TokenBucket(LIMITS[0][1], 20)
    changes = [(when, lambda rate=rate: setattr(bucket, "rate", rate)) for when, rate in LIMITS[1:]]
    return Simulation(bucket, AUTO, latency=0.02, changes=changes).run(seconds=SECONDS)


def draw(done: Outcome) -> str:
    """The picture as SVG. Its colours are readable on a light and on a dark page."""
    size = f'width="{LEFT + WIDTH + 16}" height="{TOP + HEIGHT + 40}"'
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">']
    lines += _axes()
    lines += [_path([*_limit()], GREY, dashed=True)]
    lines += [_path(points, COLOURS[phase]) for phase, points in _rates(done)]
    lines += [
        f'<path d="M{_x(at):.1f} {TOP + HEIGHT - 3} l-4 9 h8 z" fill="{RED}">'
        f"<title>429 at {at:.1f} s, held for {held:.2f} s</title></path>"
        for at, held in done.holds
    ]
    lines += _legend()
    return "\n".join([*lines, "</svg>", ""])


def _x(seconds: float) -> float:
    return LEFT + WIDTH * seconds / SECONDS


def _y(rate: float) -> float:
    return TOP + HEIGHT * (1 - min(rate, MOST) / MOST)


def _path(points: Iterable[tuple[float, float]], colour: str, *, dashed: bool = False) -> str:
    steps = " L".join(f"{_x(at):.1f} {_y(rate):.1f}" for at, rate in points)
    dashes = ' stroke-dasharray="6 4"' if dashed else ""
    return f'<path d="M{steps}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>'


def _limit() -> Iterator[tuple[float, float]]:
    ends = [*(when for when, _ in LIMITS[1:]), SECONDS]
    for (start, rate), end in zip(LIMITS, ends, strict=True):
        yield from ((start, rate), (end, rate))


def _rates(done: Outcome) -> Iterator[tuple[str, list[tuple[float, float]]]]:
    """The rate, a piece for each phase. In a hold it is drawn as 0: nobody sends."""
    states: list[tuple[float, Any, bool]] = [*done.rates, (SECONDS, done.rates[-1][1], False)]
    holds = iter(done.holds)
    for (at, learned, throttled), (following, _, _) in itertools.pairwise(states):
        start = at
        if throttled:
            start = min(at + next(holds)[1], following)
            yield learned.phase, [(at, 0.0), (start, 0.0)]
        yield learned.phase, [(start, learned.rate), (following, learned.rate)]


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{GREY}" text-anchor="{anchor}">{text}</text>'


def _axes() -> Iterator[str]:
    for rate in (0, 50, 100, 150, 200, 250):
        yield f'<path d="M{LEFT} {_y(rate):.1f} h{WIDTH}" stroke="{GREY}" stroke-opacity="0.25"/>'
        yield _text(LEFT - 6, _y(rate) + 4, f"{rate}", "end")
    for seconds in range(0, round(SECONDS) + 1, 10):
        yield _text(_x(seconds), TOP + HEIGHT + 22, f"{seconds} s", "middle")


def _legend() -> Iterator[str]:
    x = float(LEFT)
    for name, colour in (*COLOURS.items(), ("the limit", GREY), ("a 429 that was acted on", RED)):
        yield f'<path d="M{x:.1f} 14 h18" stroke="{colour}" stroke-width="3"/>'
        yield _text(x + 24, 18, name)
        x += 60 + 6.5 * len(name)


if __name__ == "__main__":
    sys.stdout.write(draw(simulate()))
