"""What may stand as a token id, and what looks like a token value instead.

The API publishes no format for ids, so only what could never be one is refused. A token *value* is a
secret; a list of values was pasted by mistake and must not be stored or sent.
"""

import re
from collections.abc import Iterable
from itertools import islice

MAX_ID_LENGTH = 256
"""Characters. No published limit; longer is taken for a broken line."""

SECRET_SAMPLE = 1000
"""How many ids, from the top of a list, are looked at before any of it is stored."""

_UNSAFE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_TOKEN_VALUE = re.compile(r"[A-Za-z0-9_-]{64}")
_HEX_DIGEST = re.compile(r"[0-9a-f]{64}")
_ORG_ID = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z-]{6,62})[0-9A-Za-z]")


def malformed(text: str) -> str | None:
    """Why `text` cannot be a token id, without quoting it; None for an id that may be sent."""
    if not text:
        return "empty id"
    if len(text) > MAX_ID_LENGTH:
        return f"{len(text)} characters, at most {MAX_ID_LENGTH} allowed"
    if (found := _UNSAFE.search(text)) is not None:
        return f"white space or control character at column {found.start() + 1}"
    return None


def looks_like_token_value(text: str) -> bool:
    """Whether `text` has the shape of the published examples of token values.

    A lower-case hexadecimal digest of 64 digits is a common id and no sign of a secret.
    """
    return _TOKEN_VALUE.fullmatch(text) is not None and _HEX_DIGEST.fullmatch(text) is None


def is_list_of_token_values(ids: Iterable[str]) -> bool:
    """Whether more than half of the first `SECRET_SAMPLE` ids (or of all, if fewer) look like secrets."""
    sample = list(islice(ids, SECRET_SAMPLE))
    return 2 * sum(map(looks_like_token_value, sample)) > len(sample)


def is_org_id(text: str) -> bool:
    """Whether `text` is GUID-like: 8 to 64 letters, digits and inner dashes, safe inside a URL path."""
    return _ORG_ID.fullmatch(text) is not None
