"""Names for what went wrong, so that ten thousand refusals read as a handful of groups.

The texts of the API's `failures[].message` are published nowhere, so no list of them can be trusted.
A message is turned into a name by its words alone: 'Token 5f3... not found' becomes TOKEN_NOT_FOUND.
"""

import re
from dataclasses import dataclass
from typing import Final

from worker.core.redact import redact

MAX_NAME: Final = 48

ID_PLACEHOLDER: Final = "\ue000"
"""Stands in a stored message for the id that it is about, so that equal messages are stored once.
A private-use character: no message means anything by it, and any that holds it loses it."""

_SHORTEST_REPLACED: Final = 6
"""Characters. A shorter id could be a part of any word of the message."""

_BEFORE: Final = re.compile(r"""[\s'"\[\](){}<>,;:=]""")
_AFTER: Final = re.compile(r"""[.!?]*(?:[\s'"\[\](){}<>,;:]|$)""")
"""Separators of words in a sentence that do not occur within a secret."""

_NOT_A_WORD: Final = re.compile(r"[^A-Za-z]+")
_LOOSE: Final = re.compile(rf"\S*\d\S*|\[redacted\]|{ID_PLACEHOLDER}")
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an id has its outcome: a stable name, the message as received, the answer's HTTP status.

    `status` is 0 where there was no answer. `message` may hold `ID_PLACEHOLDER`.
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
    """The reason for an id that the API refused with `message`, which may hold anything."""
    template = message.replace(ID_PLACEHOLDER, "")
    named = len(token_id) >= _SHORTEST_REPLACED
    if named:
        # Standing alone it is the id, even if it looks like a secret. As a part of something longer it
        # could be a part of a secret, and hide that from the patterns.
        template = _without(template, token_id)
    template = redact(template)
    if named:
        template = template.replace(token_id, ID_PLACEHOLDER)
    return Reason(name_of(template) or "REFUSED", template, status)


def _without(message: str, token_id: str) -> str:
    """With the placeholder for `token_id` wherever that stands alone."""
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
    """An upper-case name from the words of a message; numbers, ids and punctuation do not count."""
    words = _NOT_A_WORD.split(_LOOSE.sub(" ", _CAMEL.sub(" ", message)))
    name = ""
    for word in filter(None, words):
        longer = f"{name}_{word.upper()}" if name else word.upper()
        if len(longer) > MAX_NAME:
            break
        name = longer
    return name
