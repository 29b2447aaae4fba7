"""Keeps spreadsheets from running a cell as a formula, in a way that can be taken back exactly.

A cell that begins with one of `=+-@`, or with their full-width forms, is run. So is what follows a comma or a
semicolon within it, where the file is opened with another separator than it was written with (Excel goes by
the country), quotes or not. A `'` before the sign makes text of both. What has a `'` there already gets
another, so that whoever takes one off again has what was there.
"""

import re
from typing import Final

# The quotes: a reader with other separators takes a cell's own ones for the start of a quoted cell.
_RUN: Final = r"""['"]*[=+\-@\uff0b\uff0d\uff1d\uff20]"""
# Two searches each, since one for `^|[,;]` takes five times as long, and this is done for every message.
_FIRST: Final = re.compile(_RUN)
_LATER: Final = re.compile(rf"[,;](?={_RUN})")
_FIRST_GUARDED: Final = re.compile(f"'{_RUN}")
_LATER_GUARDED: Final = re.compile(rf"([,;])'(?={_RUN})")


def guarded(text: str) -> str:
    if _LATER.search(text):
        text = _LATER.sub(r"\g<0>'", text)
    return f"'{text}" if _FIRST.match(text) else text


def unguarded(text: str) -> str:
    """The text that `guarded` was given: its inverse."""
    text = _LATER_GUARDED.sub(r"\1", text)
    return text[1:] if _FIRST_GUARDED.match(text) else text
