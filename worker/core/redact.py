"""Takes secrets out of text that came from elsewhere, before it is logged or stored.

The API has been seen to echo the tail of a secret in an error message. Every message passes here.
"""

import re
from typing import Final

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
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")


def redact(text: str) -> str:
    """`text` on one line, without control characters, at most `MAX_MESSAGE` long, secrets replaced."""
    # Cut before the patterns run, with room for a secret that straddles the limit: a hostile body of a
    # megabyte is then no work.
    text = _CONTROL.sub(" ", text[: 4 * MAX_MESSAGE])
    for pattern in _SECRETS:
        text = pattern.sub("[redacted]", text)
    return text.strip()[:MAX_MESSAGE]
