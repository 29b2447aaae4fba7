"""Parses an undocumented form of a 200 entry by entry, so that one odd entry affects no other id.

an entry                                 is read as
---------------------------------------  ------------------------------------------------------
of `successes`, an object with an `id`   that id
of `failures`, an id alone               a failure without a message
an id that is a number                   its digits
a `message` that is no text              its JSON; null as no message
a list that is one entry                 a list of that entry
null, or anything else                   nothing: counted by kind, and logged
"""

from collections import Counter
from typing import Any, NamedTuple

from worker.core.answers.document import Document, plain


class Lists(NamedTuple):
    """The ids of the two lists, and (kind, count) of entries that could not be read."""

    successes: list[str]
    failures: list[tuple[str, str]]
    """(id, message)"""
    odd: tuple[tuple[str, int], ...] = ()


def read_lists(document: Document) -> Lists | None:
    """Parses the two lists. None if the object has other keys only: then it is no answer to this request."""
    if document and not document.keys() & {"successes", "failures"}:
        return None
    odd: Counter[str] = Counter()
    successes = [_id(entry, "successes", odd) for entry in _entries(document, "successes", odd)]
    failures = [
        (_id(entry, "failures", odd), _message(entry, odd)) for entry in _entries(document, "failures", odd)
    ]
    return Lists(
        [name for name in successes if name is not None],
        [(name, message) for name, message in failures if name is not None],
        tuple(sorted(odd.items())),
    )


def _entries(document: Document, key: str, odd: Counter[str]) -> list[Any]:
    value = document.get(key)
    if value is None or isinstance(value, list):
        return value or []
    odd[f"{key}: no list"] += 1
    return [value]


def _id(entry: object, key: str, odd: Counter[str]) -> str | None:
    given = entry.get("id") if isinstance(entry, dict) else entry
    if isinstance(entry, dict) == (key == "successes"):
        odd[f"{key}: {'an object for an id' if key == 'successes' else 'no object'}"] += 1
    if isinstance(given, str):
        return given
    odd[f"{key}: no id"] += 1
    return None


def _message(entry: object, odd: Counter[str]) -> str:
    if not isinstance(entry, dict):
        return ""
    message = entry.get("message")
    if message is not None and not isinstance(message, str):
        odd["failures: a message that is no text"] += 1
    return plain(message)
