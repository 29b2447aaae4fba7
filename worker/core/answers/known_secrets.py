"""Removes known secrets from untrusted text, in any common encoding.

`redact` recognizes secrets by their form; here any `SHORTEST` consecutive characters of a secret are found:
plain, percent-encoded, escaped for JSON or HTML, in base64, or with invisible characters in between.
"""

import base64
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Final

from worker.core.visible import UNSEEN

SHORTEST: Final = 8
"""Minimum length of a match in characters. Fewer reveal little of a secret, and may be a part of any id."""

HIDDEN: Final = "[redacted]"

_PIECE: Final = SHORTEST // 2
"""Length of a piece in characters. If a text is cut into pieces, any `SHORTEST` consecutive characters
contain a whole one."""

_BETWEEN: Final = rf"[{UNSEEN}\ufe00-\ufe0f]"
"""Invisible characters that may be inserted into a secret; variation selectors too."""

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
    """An index of a set of secrets, built once. Secrets shorter than `SHORTEST` are ignored."""

    __slots__ = ("_pieces", "_windows")

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets if len(secret) >= SHORTEST for form in _forms(secret)}
        self._windows = frozenset(chain.from_iterable(_parts(form, SHORTEST) for form in forms))
        self._pieces = frozenset(chain.from_iterable(_parts(form, _PIECE) for form in self._windows))

    def hide(self, text: str, keep: Iterable[str] = ()) -> str:
        """Replaces each part of a secret in `text` by `HIDDEN`.

        Matches within one of `keep` stay: ids that were sent, which may contain as many characters by chance.
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
        """Spans of `text` with `SHORTEST` consecutive characters of a secret, once `escapes` are decoded."""
        plain, starts, ends = _plain(text, escapes)
        for at in range(0, len(plain), _PIECE):
            if plain[at : at + _PIECE] not in self._pieces:
                continue
            for start in range(max(0, at - SHORTEST + _PIECE), at + 1):
                if plain[start : start + SHORTEST] in self._windows:
                    yield starts[start], ends[start + SHORTEST - 1]


def _forms(secret: str) -> Iterator[str]:
    """Forms of a secret; no `SHORTEST` consecutive characters of any of them may be shown."""
    read = _plain(secret, _PLAIN)[0]
    yield from (secret, _plain(secret, _SEEN)[0], read, "".join(filter(str.isascii, read)))
    for before in range(3):
        # Base64 encodes three bytes at a time, so the form depends on the bytes before the secret. The first
        # and the last character are left out, since they depend on the neighbouring bytes.
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
    """`text` with its escapes decoded, and the start and end of each decoded character in `text`."""
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
    """The character that an escape stands for; '' for an invisible one."""
    kind, text = found.lastgroup, found[found.lastgroup or 0]
    if kind == "unseen":
        return ""
    if kind == "short":
        return _SHORT.get(text, "")
    code = int(text, 10 if kind == "decimal" else 16)
    # A percent-encoded byte above ASCII is only a part of a character.
    char = "" if code > (_LAST_ASCII if kind == "percent" else _LAST) else chr(code)
    return "" if _UNSEEN.fullmatch(char) else char
