"""Turns text into HTML: escaped, with invisible characters shown, and cut to a limit."""

from collections.abc import Iterable
from html import escape
from itertools import zip_longest
from typing import Final

from worker.core.duration import show_duration
from worker.core.visible import visible

MAX_TEXT: Final = 200
"""Characters shown of a text from elsewhere. `results` has all of it."""

MAX_ID: Final = 64
"""Characters shown of an id or a name."""


class Html(str):
    """A string that is HTML already. Any other string is escaped on its way into the page."""

    __slots__ = ()


class Figure(str):
    """A number as text, such as 96.1 %: right-aligned, and never wrapped."""

    __slots__ = ()


_MIN_PERCENT: Final = 0.1
"""Smallest percentage that is distinguished from 0 and from 100."""

Cell = str | int | float | None


def text(value: object, limit: int = MAX_TEXT) -> Html:
    """`value` as HTML. Invisible characters and those that change the direction of text are shown."""
    shown = visible(str(value))
    return Html(escape(shown if len(shown) <= limit else f"{shown[: limit - 1]}…"))


def table(
    head: Iterable[str], rows: Iterable[Iterable[Cell]], *, caption: str, headed_rows: bool = False
) -> str:
    """A table with column headers; with `headed_rows` the first cell of each row is its header.

    Numbers and their headers are right-aligned; floats are seconds.
    """
    body = [list(row) for row in rows]
    first = body[0] if body else []
    names = "".join(_head(name, value) for name, value in zip_longest(head, first) if name is not None)
    lines = [f"<caption>{text(caption)}</caption>", f"<thead><tr>{names}</tr></thead>" if names else ""]
    lines.append("<tbody>")
    for row in body:
        cells = [_cell(value) for value in row]
        if headed_rows:
            cells[0] = cells[0].replace("<td", '<th scope="row"').replace("</td>", "</th>")
        lines.append(f"<tr>{''.join(cells)}</tr>")
    lines.append("</tbody>")
    kind = "scroll pairs" if len(first) == 2 else "scroll"  # noqa: PLR2004 -- a name and a value.
    # Scrolls on a narrow screen; `tabindex` lets the keyboard scroll it.
    frame = f'<div class="{kind}" role="group" tabindex="0" aria-label="{text(caption)}">'
    return f"{frame}<table>{''.join(lines)}</table></div>"


def _head(name: str, below: Cell) -> str:
    kind = ' class="n"' if isinstance(below, int | float | Figure) else ""
    return f'<th scope="col"{kind}>{text(name)}</th>'


def _cell(value: Cell) -> str:
    if isinstance(value, int):
        return f'<td class="n">{value:,}</td>'
    if isinstance(value, float):
        return f'<td class="n">{seconds(value)}</td>'
    if isinstance(value, Figure):
        return f'<td class="n">{text(value)}</td>'
    if isinstance(value, Html):
        return f"<td>{value}</td>"
    return f"<td>{text(value or '')}</td>"


def seconds(value: float) -> str:
    """A duration in seconds as short text: `250ms`, `1.5s`, `2h 10m`."""
    if value < 1:
        return f"{1000 * value:.0f}ms" if value else "0s"
    return f"{value:.1f}".removesuffix(".0") + "s" if value < 60 else show_duration(value)  # noqa: PLR2004 -- a minute.


def share(part: float, whole: float) -> Figure:
    """A percentage that is 0 or 100 only if `part` is nothing or everything."""
    if not part or part == whole:
        return Figure("100 %" if part else "0 %")
    percent = 100 * part / whole
    if percent < _MIN_PERCENT:
        return Figure(f"< {_MIN_PERCENT} %")
    return Figure(f"> {100 - _MIN_PERCENT} %" if percent > 100 - _MIN_PERCENT else f"{percent:.1f} %")
