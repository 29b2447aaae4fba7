"""Draws how a list becomes a report, with the numbers of one job, as SVG."""

from collections.abc import Iterator
from html import escape
from typing import Final, NamedTuple

from worker.core.batches.slices import IDS
from worker.core.outcome import COUNTED
from worker.core.reporting.schema import Report

_WIDTH: Final = 980
_HEIGHT: Final = 330
_BOX: Final = (164, 92)
"""Width and height of a box."""
_TIP: Final = 14
"""Length of the tip of an arrow, beyond the end of its line."""


class Box(NamedTuple):
    x: int
    y: int
    title: str
    lines: tuple[str, ...]
    kind: str = "ours"

    @property
    def right(self) -> int:
        return self.x + _BOX[0]

    @property
    def bottom(self) -> int:
        return self.y + _BOX[1]

    @property
    def middle(self) -> tuple[int, int]:
        return self.x + _BOX[0] // 2, self.y + _BOX[1] // 2


def flow(report: Report) -> str:
    """The picture. `report`: of a job at rest."""
    manifest, requests, counts = report.manifest, report.requests, report.counts
    slices = -(-manifest.unique // IDS)
    list_ = Box(20, 60, "list", (f"{manifest.lines:,} lines", f"{manifest.unique:,} unique ids"), "theirs")
    producer = Box(224, 60, "producer", ("reads and checks it,", f"cuts it into {slices} slices"))
    redis = Box(428, 60, "Redis", ("the record of each id,", "one rate for all workers"), "store")
    worker = Box(632, 60, "Celery workers", ("batches of 15,", f"{requests['sent']:,} requests sent"))
    api = Box(
        796,
        220,
        "API",
        (f"{requests['ok']:,} answers 200,", f"{requests['throttled']:,} times 429"),
        "theirs",
    )
    outcomes = tuple(f"{counts[name]:,} {name.replace('_', ' ')}" for name in COUNTED if counts[name])[:3]
    shown = Box(428, 220, "report", outcomes)
    boxes = (list_, producer, redis, worker, api, shown)
    elbow = f"M{worker.right},{worker.middle[1]} H{api.middle[0]} V{api.y - _TIP}"
    back = f"M{api.x},{api.middle[1]} H{worker.middle[0]} V{worker.bottom + _TIP}"
    wake = f"M{producer.middle[0]},{producer.y} V30 H{worker.middle[0]} V{worker.y - _TIP}"
    arrows = (
        _arrow(f"M{list_.right},{list_.middle[1]} H{producer.x - _TIP}"),
        _arrow(f"M{producer.right},{producer.middle[1]} H{redis.x - _TIP}"),
        _arrow(f"M{redis.right + _TIP},{redis.middle[1]} H{worker.x - _TIP}", both=True),
        _arrow(elbow),
        _arrow(back),
        _arrow(f"M{redis.middle[0]},{redis.bottom} V{shown.y - _TIP}"),
        _arrow(wake, dashed=True),
        _label(
            (producer.middle[0] + worker.middle[0]) // 2,
            24,
            "messages only wake workers: job and slice, no id",
        ),
        _label(redis.middle[0] + 10, 190, "every id, one outcome", anchor="start"),
        _label(worker.middle[0] + 8, 190, "answers", anchor="start"),
        _label(api.middle[0] + 8, 140, "15 ids each", anchor="start"),
    )
    return "\n".join((_HEAD, *arrows, *(part for box in boxes for part in _drawn(box)), "</svg>\n"))


_HEAD: Final = f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">
<style>
text {{ font: 13px sans-serif; fill: #1f2937; text-anchor: middle; }}
.title {{ font-weight: bold; font-size: 15px; }}
.label {{ fill: #4b5563; font-style: italic; }}
.box {{ stroke: #94a3b8; }}
.ours {{ fill: #dbeafe; }} .store {{ fill: #fee2e2; }} .theirs {{ fill: #f1f5f9; }}
.arrow {{ fill: none; stroke: #475569; stroke-width: 2; }}
</style>
<defs><marker id="head" markerWidth="8" markerHeight="8" refX="1" refY="4" orient="auto-start-reverse">
<path d="M0,0 L8,4 L0,8 z" fill="#475569"/></marker></defs>
<rect width="{_WIDTH}" height="{_HEIGHT}" rx="10" fill="#ffffff"/>"""


def _arrow(path: str, *, both: bool = False, dashed: bool = False) -> str:
    start = ' marker-start="url(#head)"' if both else ""
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    return f'<path class="arrow" d="{path}" marker-end="url(#head)"{start}{dash}/>'


def _label(x: int, y: int, words: str, anchor: str = "middle") -> str:
    return f'<text class="label" x="{x}" y="{y}" style="text-anchor: {anchor}">{escape(words)}</text>'


def _drawn(box: Box) -> Iterator[str]:
    yield (
        f'<rect class="box {box.kind}" x="{box.x}" y="{box.y}" width="{_BOX[0]}" height="{_BOX[1]}" rx="8"/>'
    )
    middle = box.middle[0]
    first = box.y + 24
    yield f'<text class="title" x="{middle}" y="{first}">{escape(box.title)}</text>'
    for position, line in enumerate(box.lines, 1):
        yield f'<text x="{middle}" y="{first + 20 * position}">{escape(line)}</text>'
