"""Validates token ids, organization ids and job ids, and detects lists of token values.

The API documents no format of ids, so only text that can never be an id is rejected. A token *value* is a
secret; a list of values was pasted by mistake, and must not be stored or sent.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import islice

MAX_ID_LENGTH = 256
"""Maximum length of an id in characters. The API documents none; a longer line is taken to be broken."""

SECRET_SAMPLE = 1000
"""Number of ids at the top of a list that are checked before any of it is stored."""

_INVISIBLE = (
    "\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000110bd\U000110cd"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Invisible characters, with which two different ids look alike: Unicode's general category Cf, its property
Default_Ignorable_Code_Point, and the blank Braille pattern."""
_TYPOGRAPHIC = (
    "\u00ab\u00bb\u2018-\u201f\u2032\u2033\u2035\u2036\u2039\u203a\u300c-\u300f\u301d-\u301f\uff02\uff07"
)
"""Quotes that a word processor puts in place of `"` and `'`."""
_LOST = "\ufffd"
"""The replacement character: the text was decoded wrongly, and the original character is lost."""
_UNSAFE = re.compile(rf"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff{_INVISIBLE}{_TYPOGRAPHIC}{_LOST}]")
_PRINTABLE = bytes(range(0x21, 0x7F))
"""Printable ASCII without the space."""
_NAMES = {
    "\0": "NUL byte",
    "\t": "tab",
    "\n": "line feed",
    "\r": "carriage return",
    "\ufeff": "byte order mark",
}
_TOKEN_VALUE = re.compile(r"[A-Za-z0-9_-]{64}")
_HEX_DIGEST = re.compile(r"[0-9a-f]{64}")
JOB_ID = r"^[0-9A-Za-z][0-9A-Za-z_-]{0,63}\Z"
"""Pattern of a job's id. Strict, since the id is a part of keys in Redis."""
_JOB_ID = re.compile(JOB_ID)
ORG_ID = r"^[0-9A-Za-z][0-9A-Za-z-]{6,62}[0-9A-Za-z]$"
"""Pattern of an organization's id."""
_ORG_ID = re.compile(ORG_ID)


def are_plain(ids: Sequence[str]) -> bool:
    """Whether all of `ids` are of printable ASCII, and so not malformed: one look at all ids of a slice.

    False says nothing: each has to be asked about with `malformed`.
    """
    text = "".join(ids).encode(errors="surrogatepass")
    return (
        not text.translate(None, _PRINTABLE) and all(ids) and max(map(len, ids), default=0) <= MAX_ID_LENGTH
    )


def malformed(text: str) -> str | None:
    """Why `text` cannot be a token id, without quoting it; None if it can be sent."""
    if not text:
        return "empty id"
    if len(text) > MAX_ID_LENGTH:
        return f"{len(text)} characters, at most {MAX_ID_LENGTH} allowed"
    if (found := _UNSAFE.search(text)) is not None:
        return f"{_named(found[0])} at column {found.start() + 1}"
    return None


def _named(char: str) -> str:
    """The name of `char` with its article, since most of these characters are invisible in a message."""
    if "\ud800" <= char <= "\udfff":
        return "not UTF-8"
    name = _NAMES.get(char) or unicodedata.name(char, "").lower().replace("zero width", "zero-width")
    if not name:
        kind = "control" if unicodedata.category(char) == "Cc" else "reserved"
        return f"a {kind} character (U+{ord(char):04X})"
    return f"{'an' if name[0] in 'aeio' else 'a'} {name}"


def looks_like_token_value(text: str) -> bool:
    """Whether `text` has the shape of the published examples of token values.

    A lower-case hexadecimal digest of 64 digits is a common form of ids, and does not count.
    """
    return _TOKEN_VALUE.fullmatch(text) is not None and _HEX_DIGEST.fullmatch(text) is None


def is_list_of_token_values(ids: Iterable[str]) -> bool:
    """Whether more than half of the first `SECRET_SAMPLE` ids look like token values."""
    sample = list(islice(ids, SECRET_SAMPLE))
    return 2 * sum(map(looks_like_token_value, sample)) > len(sample)


def is_org_id(text: str) -> bool:
    """Whether `text` is GUID-like: 8 to 64 letters, digits and inner dashes, safe in a URL path."""
    return _ORG_ID.fullmatch(text) is not None


def is_job_id(text: str) -> bool:
    """Whether `text` has the form of a job's id, safe in a key of Redis."""
    return _JOB_ID.match(text) is not None
