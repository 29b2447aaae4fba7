"""Text of others, to be shown to a person: what moves a cursor, turns a line around or hides is made visible.

Applied where text is shown, never where it is stored or handed on: JSON, NDJSON and CSV stay exact.
"""

import re
from typing import Final

UNSEEN: Final = (
    r"\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    r"\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb"
    r"\U00013430-\U0001345f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Inside the brackets of a pattern: control characters, what sets the direction of writing, what has no width
of its own, and halves of surrogate pairs, which no stream can write."""

_UNSEEN: Final = re.compile(f"[{UNSEEN}]")
_BYTE, _PLANE = 0xFF, 0xFFFF


def visible(text: str) -> str:
    r"""`text` on one line, each character that is not to be seen as `\x1b`, `\u202e` or `\U000e0041`."""
    return _UNSEEN.sub(_name, text)


def _name(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code <= _BYTE else f"\\u{code:04x}" if code <= _PLANE else f"\\U{code:08x}"
