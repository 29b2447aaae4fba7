"""The bar of a job: what is done stands on its left, as in any bar of progress."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from worker.core.outcome import COUNTED, FINAL, Outcome
from worker.reports.html.plots import Span, side_by_side

_ORDER: Final = (
    *(outcome for outcome in COUNTED if outcome in FINAL),
    Outcome.AMBIGUOUS,
    Outcome.PENDING,
)


class Part(NamedTuple):
    """A part of the bar, as the report's macro `bar` draws it."""

    kind: str
    size: int
    span: Span


def bar_of(counts: Mapping[str, int]) -> list[Part]:
    """The parts of a job with these counts; none where it has no id."""
    sizes = {outcome: counts[outcome] for outcome in _ORDER if counts[outcome]}
    spans = side_by_side(list(sizes.values()))
    return [Part(kind, size, span) for (kind, size), span in zip(sizes.items(), spans, strict=True)]
