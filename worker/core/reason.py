"""Names of failures, made from their messages, so that ten thousand of them form a handful of groups.

The texts of the API's `failures[].message` are not documented, so there is no fixed list of them. A name is
made of the words of the message: 'Token 5f3... not found' becomes TOKEN_NOT_FOUND.
"""

import re
from dataclasses import dataclass
from typing import Final

from worker.core.redact import redact

MAX_NAME: Final = 48

ID_PLACEHOLDER: Final = "\ue000"
"""Stands for the id in a stored message, so that messages that differ only by the id are stored once. It is a
private-use character; the same character in a message of the API is removed."""

_SHORTEST_REPLACED: Final = 6
"""Minimum length of an id, in characters, that is replaced: a shorter one may be a part of any word."""

_BEFORE: Final = re.compile(r"""[\s'"\[\](){}<>,;:=]""")
_AFTER: Final = re.compile(r"""[.!?]*(?:[\s'"\[\](){}<>,;:]|$)""")
"""What may stand before and after an id in a sentence; none of it occurs within a secret."""

_NOT_A_WORD: Final = re.compile(r"[^A-Za-z]+")
_LOOSE: Final = re.compile(rf"\S*\d\S*|\[redacted\]|{ID_PLACEHOLDER}")
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an id has its outcome: a stable name, the redacted message, and the HTTP status of the answer.

    `status` is 0 if there was no answer. `message` may contain `ID_PLACEHOLDER`.
    """

    name: str
    message: str = ""
    status: int = 0

    def text_for(self, token_id: str) -> str:
        return self.message.replace(ID_PLACEHOLDER, token_id)


RESOLVED_ACTIVE: Final = Reason(
    "RESOLVED_BY_REPEAT",
    "An earlier answer was lost; sent again, the API said it was already active: this job activated it.",
    200,
)


def refusal(message: str, token_id: str, status: int) -> Reason:
    """The reason for an id that the API listed in `failures` with `message`, an untrusted text."""
    template = message.replace(ID_PLACEHOLDER, "")
    named = len(token_id) >= _SHORTEST_REPLACED
    if named:
        # A separate word that equals the id is the id, even if it looks like a secret. Within a longer word
        # it may be a part of a secret, and replacing it first would hide that secret from the patterns.
        template = _without(template, token_id)
    template = redact(template)
    if named:
        template = template.replace(token_id, ID_PLACEHOLDER)
    return Reason(name_of(template) or "REFUSED", template, status)


def _without(message: str, token_id: str) -> str:
    """Replaces `token_id` by the placeholder wherever it is a separate word."""
    # No pattern with the id in it: compiling one for each id took a fifth of a worker's time.
    kept, done, start = [], 0, message.find(token_id)
    while start >= 0:
        end = start + len(token_id)
        if (start == 0 or _BEFORE.match(message, start - 1)) and _AFTER.match(message, end):
            kept.append(message[done:start])
            done = end
            start = message.find(token_id, end)
        else:
            start = message.find(token_id, start + 1)
    return ID_PLACEHOLDER.join([*kept, message[done:]])


def name_of(message: str) -> str:
    """An upper-case name from the words of a message, without numbers, ids and punctuation."""
    words = _NOT_A_WORD.split(_LOOSE.sub(" ", _CAMEL.sub(" ", message)))
    name = ""
    for word in filter(None, words):
        longer = f"{name}_{word.upper()}" if name else word.upper()
        if len(longer) > MAX_NAME:
            break
        name = longer
    return name
