"""The geometry of the plots: numbers in, coordinates and labels out. `templates/plots.html` draws them.

They are inline SVG of shapes only. Their text is HTML around them, which stays readable when a narrow screen
squeezes the shapes.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from worker.core.reporting.timeline import Timeline
from worker.reports.html.axis import Tick, axis_top, levels, time_ticks
from worker.reports.html.markup import seconds

# The templates have the same numbers in their `viewBox`.
WIDTH: Final = 1000
HEIGHT: Final = 200
STRIP: Final = 30
"""Height of the strip with the 429 answers."""
_MIN_BUCKETS: Final = 3
"""Buckets needed for a curve."""
_MAX_AXIS_STRETCH: Final = 2
"""Factor by which the allowed rate may extend the axis beyond what was sent; a higher rate is not drawn."""
_MIN_LAST_BUCKET: Final = 0.25
"""Seconds that the last bucket counts as, at least: a rate over less means nothing."""


class Span(NamedTuple):
    """A part of the width, in units of the plot."""

    x: float
    width: float


class Curve(NamedTuple):
    """A plot of a rate over time. Lengths are in units of WIDTH by HEIGHT, from the top left."""

    kind: str
    """CSS class of its colour."""
    name: str
    words: str
    """What it shows, summed up."""
    most: float
    """The highest rate."""
    interval: str
    """Duration of a step."""
    path: str
    allowed: str
    """Path of the allowed rate; '' where it is not known, or too far above to be drawn."""
    holds: Sequence[Span] = ()
    strip: str = ""
    """Path of the bars of the 429 answers, in a strip of its own; '' without any."""
    throttled: int = 0
    """429 answers."""
    most_throttled: int = 0
    """429 answers in one step, at most."""
    levels: Sequence[str] = ()
    """Labels of the vertical axis, from the top."""
    ticks: Sequence[Tick] = ()


def side_by_side(sizes: Sequence[float]) -> list[Span]:
    """Spans of one bar that is divided in proportion to `sizes`."""
    whole = sum(sizes) or 1
    widths = [WIDTH * size / whole for size in sizes]
    return [Span(x, width) for x, width in zip(accumulate(widths, initial=0.0), widths, strict=False)]


def curves_of(timeline: Timeline, duration: float | None) -> list[Curve]:
    """Plots of requests and ids per second, with 429s and holds; empty for too short a time.

    `duration`: seconds that a job at rest took; None for a running job.
    """
    buckets = timeline.buckets
    if len(buckets) < _MIN_BUCKETS:
        return []
    spans = _spans(timeline, duration)
    end = sum(spans)
    edges = list(accumulate((WIDTH * span / end for span in spans), initial=0.0))
    sent = [bucket.sent / span for bucket, span in zip(buckets, spans, strict=True)]
    settled = [bucket.settled / span for bucket, span in zip(buckets, spans, strict=True)]
    throttled = [bucket.throttled for bucket in buckets]
    allowed = [bucket.allowed() for bucket in buckets]
    drawn = [rate if rate and rate <= _MAX_AXIS_STRETCH * max(sent) else None for rate in allowed]
    refused = f", {sum(throttled):,} answered 429" if any(throttled) else ""
    top = axis_top(max(sent + [rate for rate in drawn if rate is not None]))
    requests = _curve("sent", "Requests per second", sent, top, edges, end)._replace(
        words=f"{sum(bucket.sent for bucket in buckets):,} sent in {seconds(end)}{refused}"
        f"{_allowed_range(allowed)}",
        allowed=_line(drawn, edges, top),
        strip=_strip(throttled, edges),
        throttled=sum(throttled),
        most_throttled=max(throttled),
    )
    ids = _curve("settled", "Ids settled per second", settled, axis_top(max(settled)), edges, end)._replace(
        words=f"{sum(bucket.settled for bucket in buckets):,} settled in {seconds(end)}"
    )
    holds = [
        Span(WIDTH * start / end, WIDTH * (min(stop, end) - start) / end) for start, stop in timeline.holds()
    ]
    return [curve._replace(holds=holds) for curve in (requests, ids)]


def _spans(timeline: Timeline, duration: float | None) -> list[float]:
    """Seconds of each bucket. A job ends inside its last one."""
    width = timeline.width
    spans = [width] * (len(timeline.buckets) - 1)
    last = width if duration is None else duration - sum(spans)
    return [*spans, max(last, _MIN_LAST_BUCKET) if last < width else width]


def _curve(
    kind: str, name: str, values: Sequence[float], top: float, edges: Sequence[float], end: float
) -> Curve:
    return Curve(
        kind=kind,
        name=name,
        words="",
        most=max(values),
        interval=seconds(end * edges[1] / WIDTH),
        path=_steps(values, edges, top),
        allowed="",
        levels=levels(top),
        ticks=list(time_ticks(end)),
    )


def _steps(values: Sequence[float], edges: Sequence[float], top: float) -> str:
    """A path with a step for each value, closed at the bottom."""
    path = [f"M0 {HEIGHT}"]
    for value, edge in zip(values, edges[1:], strict=True):
        path.append(f"V{HEIGHT * (1 - value / top):.1f}H{edge:.1f}")
    return "".join([*path, f"V{HEIGHT}Z"])


def _line(values: Sequence[float | None], edges: Sequence[float], top: float) -> str:
    """A path with a level line for each value, joined to the one before, and a gap for None."""
    path, before = [], None
    for position, value in enumerate(values):
        if value is not None:
            y = f"{HEIGHT * (1 - value / top):.1f}"
            path.append(f"V{y}" if before is not None else f"M{edges[position]:.1f} {y}")
            path.append(f"H{edges[position + 1]:.1f}")
        before = value
    return "".join(path)


def _allowed_range(rates: Sequence[float | None]) -> str:
    known = [rate for rate in rates if rate is not None]
    if not known:
        return ""
    least, most = (f"{round(rate, 1):,g}" for rate in (min(known), max(known)))
    return f"; allowed {least}" + (f" to {most}" if most != least else "") + " a second"


def _strip(counts: Sequence[int], edges: Sequence[float]) -> str:
    """A path of a bar for each count that is not 0."""
    most = max(counts)
    bars = []
    for position, count in enumerate(counts):
        if count:
            left, right, y = edges[position], edges[position + 1], STRIP * (1 - _bar_height(count, most))
            bars.append(f"M{left:.1f} {STRIP}V{y:.1f}H{max(right, left + 2):.1f}V{STRIP}Z")
    return "".join(bars)


def _bar_height(count: int, most: int) -> float:
    """Height of a bar as a share of the strip. Never below a quarter, so that a single 429 is visible."""
    return 0.25 + 0.75 * count / most
