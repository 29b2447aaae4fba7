"""Escapes CSV cells against formula injection in spreadsheets, reversibly.

A spreadsheet evaluates a cell that begins with one of `=+-@` or their full-width forms. It also evaluates
what follows a comma or a semicolon inside a cell, quoted or not, if the file is opened with another separator
than it was written with (Excel uses that of the locale). A `'` before the sign prevents both. If there
already is a `'`, another is added, so that removing one restores the original text.
"""

import re
from typing import Final

# Quotes too: with another separator, quotes in the text are read as the start of a quoted cell.
_RUN: Final = r"""['"]*[=+\-@\uff0b\uff0d\uff1d\uff20]"""
# Two searches each: one for `^|[,;]` takes five times as long, and this runs for every message.
_FIRST: Final = re.compile(_RUN)
_LATER: Final = re.compile(rf"[,;](?={_RUN})")
_FIRST_GUARDED: Final = re.compile(f"'{_RUN}")
_LATER_GUARDED: Final = re.compile(rf"([,;])'(?={_RUN})")


def guarded(text: str) -> str:
    """Escapes `text` for a CSV cell."""
    if _LATER.search(text):
        text = _LATER.sub(r"\g<0>'", text)
    return f"'{text}" if _FIRST.match(text) else text


def unguarded(text: str) -> str:
    """The inverse of `guarded`."""
    text = _LATER_GUARDED.sub(r"\1", text)
    return text[1:] if _FIRST_GUARDED.match(text) else text
