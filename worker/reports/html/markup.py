"""Filters that turn values into text for a template: bounded, and with invisible characters shown."""

from typing import Final

from markupsafe import Markup, escape

from worker.core.duration import show_duration
from worker.core.visible import visible

MAX_TEXT: Final = 200
"""Characters shown of a text from elsewhere. `results` has all of it."""

MAX_ID: Final = 64
"""Characters shown of an id or a name."""

_MIN_PERCENT: Final = 0.1
"""Smallest percentage that is distinguished from 0 and from 100."""

_MINUTE: Final = 60


def shown(value: object, limit: int = MAX_TEXT) -> str:
    """`value` as text of at most `limit` characters.

    Invisible characters, and those that change the direction of text, appear as escapes.
    """
    whole = visible(str(value))
    return whole if len(whole) <= limit else f"{whole[: limit - 1]}…"


def text(value: object, limit: int = MAX_TEXT) -> Markup:
    """`value` as HTML, as `shown` cuts it."""
    return escape(shown(value, limit))


def name(value: object) -> Markup:
    """An id or a name as HTML."""
    return text(value, MAX_ID)


def printed(value: object) -> str:
    """What `{{ value }}` hands to autoescaping: markup as it is, '' for None, anything else as `shown`.

    So a template that names no filter is safe. An undefined name raises `jinja2.UndefinedError`.
    """
    if isinstance(value, Markup):
        return value
    return "" if value is None else shown(value)


def words(value: str) -> str:
    """A name of the JSON, such as `already_active`, as words."""
    return value.replace("_", " ")


def number(value: float, digits: int = 0) -> str:
    """A number with thousands separated and `digits` decimals."""
    return f"{value:,.{digits}f}"


def px(value: float) -> str:
    """A coordinate or a length in an SVG."""
    return f"{value:.1f}"


def seconds(value: float) -> str:
    """A duration in seconds as short text: `250ms`, `1.5s`, `2h 10m`."""
    if value < 1:
        return f"{1000 * value:.0f}ms" if value else "0s"
    return f"{value:.1f}".removesuffix(".0") + "s" if value < _MINUTE else show_duration(value)


def share(part: float, whole: float) -> str:
    """A percentage that is 0 or 100 only if `part` is nothing or everything."""
    if not part or part == whole:
        return "100 %" if part else "0 %"
    percent = 100 * part / whole
    if percent < _MIN_PERCENT:
        return f"< {_MIN_PERCENT} %"
    return f"> {100 - _MIN_PERCENT} %" if percent > 100 - _MIN_PERCENT else f"{percent:.1f} %"
