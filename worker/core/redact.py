"""Takes secrets out of text that came from elsewhere, before it is logged or stored.

The API has been seen to echo the tail of a secret in an error message. Every message passes here.
"""

import re
import string
from typing import Final

from worker.core.visible import UNSEEN

MAX_MESSAGE: Final = 500
"""Characters kept of a message from the API."""

_SECRETS: Final = (
    # A JWT: three base64url parts of which the first two are JSON objects.
    re.compile(r"eyJ[\w-]{8,}\.eyJ[\w-]*\.[\w-]*"),
    re.compile(r"(?i)\bbearer\s+[\w.~+/=-]{8,}"),
    re.compile(r"(?i)\b(?:api[_-]?token|refresh[_-]?token|access[_-]?token|secret|password)\s*[=:]\s*\S{6,}"),
    # The tail of a token value: masked head, then what is left of it.
    re.compile(r"[*x•.]{3,}[\w-]{2,}"),
    re.compile(r"(?<![\w-])(?![0-9a-f]{64}(?![\w-]))[\w-]{64}(?![\w-])"),
)
_UNSEEN: Final = re.compile(f"[{UNSEEN}]+")
_MOST_READ: Final = 4 * MAX_MESSAGE
_OF_SECRETS: Final = string.ascii_letters + string.digits + "_.~+/=-"


def redact(text: str) -> str:
    """`text` on one line, without control characters, at most `MAX_MESSAGE` long, secrets replaced."""
    # Cut before the patterns run: a hostile body of a megabyte is then no work. The word at the cut goes
    # too, since no pattern knows half a secret, and what is taken out before it can bring it into sight.
    if len(text) > _MOST_READ:
        text = text[:_MOST_READ].rstrip(_OF_SECRETS) + "[redacted]"
    text = _UNSEEN.sub(" ", text)
    for pattern in _SECRETS:
        text = pattern.sub("[redacted]", text)
    return text.strip()[:MAX_MESSAGE]
