"""Makes control, direction and invisible characters of untrusted text visible, against terminal injection.

Applied only to text shown to a person: stored text, JSON, NDJSON and CSV stay exact.
"""

import re
from typing import Final

UNSEEN: Final = (
    r"\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    r"\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb"
    r"\U00013430-\U0001345f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""A character class, without its brackets: control characters, those that set the direction of writing, those
without width, and lone surrogates, which no stream can encode."""

_UNSEEN: Final = re.compile(f"[{UNSEEN}]")
_BYTE, _PLANE = 0xFF, 0xFFFF


def visible(text: str) -> str:
    r"""`text` on one line, with unsafe characters escaped, as in `\x1b`, `\u202e` or `\U000e0041`."""
    return _UNSEEN.sub(_name, text)


def _name(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code <= _BYTE else f"\\u{code:04x}" if code <= _PLANE else f"\\U{code:08x}"
