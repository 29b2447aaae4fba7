"""Takes secrets that are known whole out of text that came from elsewhere, in whatever form they stand.

`redact` knows a secret by its looks; here any `SHORTEST` characters of it in a row are enough: plain,
percent-encoded, as JSON or HTML escape them, in base64, and with characters between them that nobody sees.
"""

import base64
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Final

from worker.core.visible import UNSEEN

SHORTEST: Final = 8
"""Characters. Fewer say little of a secret, and could be a part of any id."""

HIDDEN: Final = "[redacted]"

_PIECE: Final = SHORTEST // 2
"""Characters. Of `SHORTEST` in a row, so many are a whole piece, wherever a text is cut into pieces."""

_BETWEEN: Final = rf"[{UNSEEN}\ufe00-\ufe0f]"
"""Characters without width that can stand within a secret and do not show; variation selectors too."""

_SEEN: Final = re.compile(f"(?P<unseen>{_BETWEEN}+)")
_PLAIN: Final = re.compile(
    rf"(?P<unseen>{_BETWEEN}+)|\\u(?P<json>[0-9a-fA-F]{{4}})|\\(?P<short>[\"\\/bfnrt])"
    r"|%(?:25)*(?P<percent>[0-9a-fA-F]{2})|&#[xX](?P<hex>[0-9a-fA-F]{1,6});?|&#(?P<decimal>[0-9]{1,7});?"
)
_SHORT: Final = {'"': '"', "\\": "\\", "/": "/"}
_UNSEEN: Final = re.compile(_BETWEEN)
_LAST_ASCII: Final = 0x7F
_LAST: Final = 0x10FFFF

Span = tuple[int, int]


class KnownSecrets:
    """Made once for a set of secrets; those too short to be known by are left out. Shows none of them."""

    __slots__ = ("_pieces", "_windows")

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets if len(secret) >= SHORTEST for form in _forms(secret)}
        self._windows = frozenset(chain.from_iterable(_parts(form, SHORTEST) for form in forms))
        self._pieces = frozenset(chain.from_iterable(_parts(form, _PIECE) for form in self._windows))

    def hide(self, text: str, keep: Iterable[str] = ()) -> str:
        """`text` with `HIDDEN` where a secret stands.

        What is within one of `keep` stays: ids that were sent, which could hold as much of it by chance.
        """
        found = {*self._found(text, _SEEN), *self._found(text, _PLAIN)}
        if not found:
            return text
        kept = [span for name in keep for span in _spans_of(name.lower(), text.lower())]
        secret = sorted(span for span in found if not any(a <= span[0] and span[1] <= b for a, b in kept))
        shown: list[str] = []
        done = 0
        for start, end in secret:
            if start > done or not shown:
                shown += [text[done:start], HIDDEN]
            done = max(done, end)
        return "".join([*shown, text[done:]])

    def _found(self, text: str, escapes: re.Pattern[str]) -> Iterator[Span]:
        """Where in `text`, read without its `escapes`, so many characters of a secret stand in a row."""
        plain, starts, ends = _plain(text, escapes)
        for at in range(0, len(plain), _PIECE):
            if plain[at : at + _PIECE] not in self._pieces:
                continue
            for start in range(max(0, at - SHORTEST + _PIECE), at + 1):
                if plain[start : start + SHORTEST] in self._windows:
                    yield starts[start], ends[start + SHORTEST - 1]


def _forms(secret: str) -> Iterator[str]:
    """The texts of which no `SHORTEST` characters in a row may be shown."""
    read = _plain(secret, _PLAIN)[0]
    yield from (secret, _plain(secret, _SEEN)[0], read, "".join(filter(str.isascii, read)))
    for before in range(3):
        # Base64 takes three bytes at a time: what stands before a secret decides how it looks. The first and
        # the last character of it say something of what is beside it.
        content = b"\0" * before + secret.encode(errors="surrogatepass")
        encoded = base64.b64encode(content).decode().rstrip("=")
        inner = encoded[-(-before * 8 // 6) : len(content) * 8 // 6]
        yield from (inner, inner.replace("+", "-").replace("/", "_"))


def _parts(text: str, length: int) -> Iterator[str]:
    return (text[at : at + length] for at in range(len(text) - length + 1))


def _spans_of(part: str, text: str) -> Iterator[Span]:
    at = text.find(part)
    while part and at >= 0:
        yield at, at + len(part)
        at = text.find(part, at + 1)


def _plain(text: str, escapes: re.Pattern[str]) -> tuple[str, Sequence[int], Sequence[int]]:
    """`text` as it reads, and where in it each character begins and ends."""
    if escapes.search(text) is None:
        return text, range(len(text)), range(1, len(text) + 1)
    chars: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    done = 0
    for found in escapes.finditer(text):
        chars += text[done : found.start()]
        starts += range(done, found.start())
        ends += range(done + 1, found.start() + 1)
        done = found.end()
        if char := _meant(found):
            chars.append(char)
            starts.append(found.start())
            ends.append(done)
    chars += text[done:]
    starts += range(done, len(text))
    ends += range(done + 1, len(text) + 1)
    return "".join(chars), starts, ends


def _meant(found: re.Match[str]) -> str:
    """The character that an escape stands for; '' for one that nobody sees."""
    kind, text = found.lastgroup, found[found.lastgroup or 0]
    if kind == "unseen":
        return ""
    if kind == "short":
        return _SHORT.get(text, "")
    code = int(text, 10 if kind == "decimal" else 16)
    # Above ASCII a byte is a part of a character only.
    char = "" if code > (_LAST_ASCII if kind == "percent" else _LAST) else chr(code)
    return "" if _UNSEEN.fullmatch(char) else char
