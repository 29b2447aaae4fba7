"""Compares the two lists of a 200 with the ids that were sent.

the id is in                   result
-----------------------------  ----------------------------------------------------------------
`successes` only               Success
`failures` only                Refusal, final whatever the message says
both                           CONTRADICTION: not sent again
neither                        missing: may be active, and is sent again
an id that was not sent        an intruder: logged, and ignored
in other case, spaces around   the id sent that it matches; an intruder if none or several match
one list, twice                as once; of two failures the first message is kept
"""

from collections.abc import Iterable
from enum import Enum, auto

import msgspec

from worker.core.answers.document import Document, read_object
from worker.core.answers.odd_lists import Lists, read_lists
from worker.core.reason import Reason, refusal


class Plain(Enum):
    """A statement about an id without a message."""

    SUCCESS = auto()
    CONTRADICTION = auto()


Said = Plain | Reason
"""A statement of a readable answer about one id; a `Reason` is a failure."""


class Reconciled(msgspec.Struct, frozen=True):
    """A readable 200: one statement per id sent, in that order; None for an id in neither list."""

    said: tuple[Said | None, ...]
    intruders: int = 0
    odd: tuple[tuple[str, int], ...] = ()
    """(kind, count) of entries that could not be read."""


class _Failure(msgspec.Struct):
    id: str
    message: str | None = None


class _Body(msgspec.Struct):
    successes: list[str] | None = None
    failures: list[_Failure] | None = None


_decode = msgspec.json.Decoder(_Body).decode


def names_all(body: bytes, sent: tuple[str, ...]) -> bool:
    """Whether `body` says, as documented, of each id in `sent` that it is activated, and nothing more."""
    try:
        answer = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return not answer.failures and answer.successes is not None and tuple(answer.successes) == sent


def reconcile(body: bytes, sent: tuple[str, ...], content_type: str = "") -> Reconciled | Document | None:
    """The statements of `body` about the ids `sent`.

    If it has neither list: the JSON object itself, or None for anything but a JSON object.
    """
    try:
        answer = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _oddly(body, sent, content_type)
    successes, failures = answer.successes, answer.failures
    if not failures and successes is not None and tuple(successes) == sent:
        return Reconciled((Plain.SUCCESS,) * len(sent))
    if successes is None and failures is None:
        return _oddly(body, sent, content_type)
    refused = [(failure.id, failure.message or "") for failure in failures or ()]
    return _compared(Lists(successes or [], refused), sent)


def _oddly(body: bytes, sent: tuple[str, ...], content_type: str) -> Reconciled | Document | None:
    document = read_object(body, content_type)
    lists = None if document is None else read_lists(document)
    return document if lists is None else _compared(lists, sent)


def _compared(lists: Lists, sent: tuple[str, ...]) -> Reconciled:
    messages: dict[str, str] = {}
    for name, message in lists.failures:
        messages.setdefault(name, message)
    succeeded = set(lists.successes)
    strangers = (succeeded | messages.keys()).difference(sent)
    if strangers and (meant := _meant(strangers, succeeded | messages.keys(), sent)):
        strangers = strangers.difference(meant)
        succeeded = {meant.get(name, name) for name in succeeded}
        messages = {meant.get(name, name): message for name, message in reversed(messages.items())}
    said = tuple(_said(token_id, succeeded, messages) for token_id in sent)
    return Reconciled(said, len(strangers), lists.odd)


def _meant(strangers: Iterable[str], named: set[str], sent: tuple[str, ...]) -> dict[str, str]:
    """Maps each stranger to the one id sent that equals it but for case and surrounding space."""
    alike: dict[str, list[str]] = {}
    for token_id in sent:
        alike.setdefault(_folded(token_id), []).append(token_id)
    found = {name: alike.get(_folded(name), []) for name in strangers}
    return {name: ids[0] for name, ids in found.items() if len(ids) == 1 and ids[0] not in named}


def _folded(token_id: str) -> str:
    return token_id.strip().casefold()


def _said(token_id: str, succeeded: set[str], messages: dict[str, str]) -> Said | None:
    if token_id in messages:
        if token_id in succeeded:
            return Plain.CONTRADICTION
        return refusal(messages[token_id], token_id, 200)
    return Plain.SUCCESS if token_id in succeeded else None
