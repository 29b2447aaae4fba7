"""Warnings about ids that are valid one by one, but look like a mistake as a list."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from producers.reading.columns import is_heading

_MAX_SHOWN: Final = 4
"""Characters shown at each end of an id, at most."""
_AROUND: Final = frozenset("\"'`,;[](){}<>")
"""Characters that rarely begin or end an id."""
_WITHIN: Final = frozenset(",;|")
"""Characters that rarely stand inside an id."""


def abbreviated(id_: str) -> str:
    """`6f1c…7d2e`: enough to recognize an id, too little to use it. At most half of a short id is shown."""
    shown = min(_MAX_SHOWN, len(id_) // 4)
    return f"{id_[:shown]}…{id_[-shown:]}" if shown else f"{id_[: len(id_) // 2]}…"


def advice(sample: Sequence[str], format_hint: Callable[[], str]) -> Iterator[str]:
    """Yields one sentence per warning.

    `sample` holds the first ids of the list; `format_hint` says what the list seems to be (`signatures`).
    """
    if not sample:
        yield "the list holds no id"
        return
    around = sum(id_[0] in _AROUND or id_[-1] in _AROUND for id_ in sample)
    if 2 * around > len(sample):
        odd = "most ids begin or end with a quote, a bracket or a comma, which is hardly part of them"
        yield odd + format_hint()
    elif 2 * sum(not _WITHIN.isdisjoint(id_) for id_ in sample) > len(sample):
        yield f"most ids hold a comma, a semicolon or a bar, as if a line were more than an id{format_hint()}"
    if _is_heading(sample):
        yield "the first id looks like a heading: is it one? It would be sent"


def _is_heading(sample: Sequence[str]) -> bool:
    """Whether the first id is a usual heading, or a word without digits where most ids have some."""
    first, *others = sample
    digits = sum(any(char.isdigit() for char in id_) for id_ in others)
    is_word = any(map(str.isalpha, first)) and not any(map(str.isdigit, first))
    return is_heading(first.strip("\"'")) or (is_word and 2 * digits > len(others))
