"""Removes what looks like a secret from untrusted text, before it is logged or stored.

The API was observed to echo the end of a secret in an error message, so every message is redacted.
"""

import re
import string
from typing import Final

from worker.core.visible import UNSEEN

MAX_MESSAGE: Final = 500
"""Maximum length in characters of a message from the API; the rest is cut."""

_SECRETS: Final = (
    # A JWT: three base64url parts of which the first two are JSON objects.
    re.compile(r"eyJ[\w-]{8,}\.eyJ[\w-]*\.[\w-]*"),
    re.compile(r"(?i)\bbearer\s+[\w.~+/=-]{8,}"),
    re.compile(r"(?i)\b(?:api[_-]?token|refresh[_-]?token|access[_-]?token|secret|password)\s*[=:]\s*\S{6,}"),
    # The end of a token value behind a mask such as `****`.
    re.compile(r"[*x•.]{3,}[\w-]{2,}"),
    re.compile(r"(?<![\w-])(?![0-9a-f]{64}(?![\w-]))[\w-]{64}(?![\w-])"),
)
_UNSEEN: Final = re.compile(f"[{UNSEEN}]+")
_MAX_READ: Final = 4 * MAX_MESSAGE
_OF_SECRETS: Final = string.ascii_letters + string.digits + "_.~+/=-"


def redact(text: str) -> str:
    """`text` on one line, without control characters, secrets replaced, at most `MAX_MESSAGE` characters."""
    # Cut before the patterns run, so that a hostile megabyte costs no time. The word at the cut is removed
    # too: the patterns do not match half a secret, and replacements before it may move it into the visible
    # part.
    if len(text) > _MAX_READ:
        text = text[:_MAX_READ].rstrip(_OF_SECRETS) + "[redacted]"
    text = _UNSEEN.sub(" ", text)
    for pattern in _SECRETS:
        text = pattern.sub("[redacted]", text)
    return text.strip()[:MAX_MESSAGE]
