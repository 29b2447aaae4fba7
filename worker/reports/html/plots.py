"""Plots as inline SVG of shapes only. Their text is HTML around them, which stays readable when a narrow
screen squeezes the shapes.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from worker.core.reporting.timeline import Timeline
from worker.reports.html.markup import seconds, share, text

_WIDTH: Final = 1000
_HEIGHT: Final = 200
_STRIP: Final = 30
_TICKS: Final = 4
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
_MIN_BUCKETS: Final = 3
"""Buckets needed for a curve."""
_MAX_AXIS_STRETCH: Final = 2
"""Factor by which the allowed rate may extend the axis beyond what was sent; a higher rate is not drawn."""
_MIN_LAST_BUCKET: Final = 0.25
"""Seconds that the last bucket counts as, at least: a rate over less means nothing."""


class Part(NamedTuple):
    """A part of a bar: the CSS class of its colour, its name, its size."""

    kind: str
    name: str
    size: float


def bar(parts: Sequence[Part], label: str) -> str:
    """One bar divided into `parts`. Their numbers are in the table beside it."""
    whole = sum(part.size for part in parts)
    if not whole:
        return ""
    shapes, x = [], 0.0
    for part in parts:
        width = _WIDTH * part.size / whole
        if width:
            shapes.append(f'<rect class="{part.kind}" x="{x:.1f}" y="0" width="{width:.1f}" height="24"/>')
        x += width
    words = ", ".join(f"{part.name} {share(part.size, whole)}" for part in parts if part.size)
    return (
        f'<svg class="bar" viewBox="0 0 {_WIDTH} 24" preserveAspectRatio="none" role="img"'
        f' aria-label="{text(f"{label}: {words}", 400)}">{"".join(shapes)}</svg>'
    )


def over_time(timeline: Timeline, duration: float | None) -> str:
    """Plots of requests and ids per second, with 429s and holds.

    `duration`: seconds that a job at rest took; None for a running job.
    """
    if not timeline.buckets:
        return "<p>Nothing was sent.</p>"
    width, buckets = timeline.width, timeline.buckets
    if len(buckets) < _MIN_BUCKETS:
        return f"<p>Sent: {sum(bucket.sent for bucket in buckets):,}; too short a time for a curve.</p>"
    spans = [width] * (len(buckets) - 1)
    # The job ended inside its last bucket.
    last = width if duration is None else duration - sum(spans)
    spans.append(max(last, _MIN_LAST_BUCKET) if last < width else width)
    sent = [bucket.sent / span for bucket, span in zip(buckets, spans, strict=True)]
    settled = [bucket.settled / span for bucket, span in zip(buckets, spans, strict=True)]
    throttled = [bucket.throttled for bucket in buckets]
    end = sum(spans)
    holds = [(start, min(stop, end)) for start, stop in timeline.holds()]
    edges = list(accumulate((_WIDTH * span / end for span in spans), initial=0.0))
    refused = f", {sum(throttled):,} answered 429" if any(throttled) else ""
    allowed = [bucket.allowed() for bucket in buckets]
    return _figure(
        "Requests per second",
        f"{sum(bucket.sent for bucket in buckets):,} sent in {seconds(end)}{refused}"
        f"{_allowed_range(allowed)}",
        sent,
        edges,
        end,
        "sent",
        holds,
        throttled if any(throttled) else (),
        allowed,
    ) + _figure(
        "Ids settled per second",
        f"{sum(bucket.settled for bucket in buckets):,} settled in {seconds(end)}",
        settled,
        edges,
        end,
        "settled",
        holds,
        (),
    )


def _figure(
    name: str,
    words: str,
    values: list[float],
    edges: Sequence[float],
    span: float,
    kind: str,
    holds: Iterable[tuple[float, float]],
    marks: Sequence[int],
    allowed: Sequence[float | None] = (),
) -> str:
    drawn = [rate if rate and rate <= _MAX_AXIS_STRETCH * max(values) else None for rate in allowed]
    top = axis_top(max(values + [rate for rate in drawn if rate is not None]))
    line = _line(drawn, edges, top)
    shaded = "".join(
        f'<rect class="hold" x="{_WIDTH * start / span:.1f}" y="0"'
        f' width="{_WIDTH * (stop - start) / span:.1f}" height="{_HEIGHT}"/>'
        for start, stop in holds
    )
    interval = seconds(span * edges[1] / _WIDTH)
    label = f"{name}: {words}; at most {max(values):,.1f} in one interval of {interval}"
    key = '<span class="key"><i class="swatch hold"></i> held by a 429</span>' if shaded else ""
    if line:
        key += '<span class="key"><i class="swatch allowed"></i> allowed</span>'
    strip = _strip(marks, edges) if marks else ""
    if strip:
        key += '<span class="key"><i class="swatch throttled"></i> 429 answers, in the strip below</span>'
    return (
        f"<figure><figcaption><strong>{name}</strong> <span>{words}</span> {key}</figcaption>"
        f'<div class="plot"><div class="y" aria-hidden="true">{_labels(top)}</div><div class="area">'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" role="img"'
        f' aria-label="{text(label, 400)}">{_grid()}{shaded}'
        f'<path class="{kind}" d="{_steps(values, edges, top)}"/>{line}</svg>'
        f'{strip}<div class="x" aria-hidden="true">{_times(span)}</div></div></div></figure>'
    )


def _steps(values: Sequence[float], edges: Sequence[float], top: float) -> str:
    """A path with a step for each value, closed at the bottom."""
    path = [f"M0 {_HEIGHT}"]
    for value, edge in zip(values, edges[1:], strict=True):
        path.append(f"V{_HEIGHT * (1 - value / top):.1f}H{edge:.1f}")
    return "".join([*path, f"V{_HEIGHT}Z"])


def _line(values: Sequence[float | None], edges: Sequence[float], top: float) -> str:
    """A path with a level line for each value, joined to the one before, and a gap for None."""
    path, before = [], None
    for position, value in enumerate(values):
        if value is not None:
            y = f"{_HEIGHT * (1 - value / top):.1f}"
            path.append(f"V{y}" if before is not None else f"M{edges[position]:.1f} {y}")
            path.append(f"H{edges[position + 1]:.1f}")
        before = value
    return f'<path class="allowed" d="{"".join(path)}"/>' if path else ""


def _allowed_range(rates: Sequence[float | None]) -> str:
    known = [rate for rate in rates if rate is not None]
    if not known:
        return ""
    least, most = (f"{round(rate, 1):,g}" for rate in (min(known), max(known)))
    return f"; allowed {least}" + (f" to {most}" if most != least else "") + " a second"


def _strip(marks: Sequence[int], edges: Sequence[float]) -> str:
    most = max(marks)
    bars = "".join(
        _strip_bar(edges[position], edges[position + 1], _bar_height(count, most))
        for position, count in enumerate(marks)
        if count
    )
    label = f"429 answers over time: {sum(marks):,}, at most {most:,} in one interval"
    return (
        f'<svg class="strip" viewBox="0 0 {_WIDTH} {_STRIP}" preserveAspectRatio="none" role="img"'
        f' aria-label="{label}">{bars}</svg>'
    )


def _strip_bar(left: float, right: float, height: float) -> str:
    return (
        f'<rect class="throttled" x="{left:.1f}" y="{_STRIP * (1 - height):.1f}"'
        f' width="{max(right - left, 2):.1f}" height="{_STRIP * height:.1f}"/>'
    )


def _bar_height(count: int, most: int) -> float:
    """Height of a bar as a share of the strip. Never below a quarter, so that a single 429 is visible."""
    return 0.25 + 0.75 * count / most


def _grid() -> str:
    lines = (f"M0 {_HEIGHT * step / _TICKS:g}H{_WIDTH}" for step in range(_TICKS))
    return f'<path class="grid" d="{"".join(lines)}"/>'


def _labels(top: float) -> str:
    return "".join(f"<span>{top * step / _TICKS:,.4g}</span>" for step in range(_TICKS, -1, -1))


def _times(span: float) -> str:
    """Labels of the time axis, at round numbers."""
    every = tick_interval(span)
    moments = (every * step for step in range(1, math.floor(_LABEL_LIMIT * span / every) + 1))
    labels = (f'<span style="left:{100 * at / span:.1f}%">{seconds(at)}</span>' for at in moments)
    return "<span>0</span>" + "".join(labels)


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
