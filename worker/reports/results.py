"""The rows of a job, one per line of the list, streamed from the record."""

from collections.abc import Collection, Iterator

from worker.core.errors import BadInputError
from worker.core.outcome import Outcome
from worker.core.reporting.rows import RowSpan, row_spans, rows_of, single_row
from worker.store.jobs import JobStore


def job_results(
    store: JobStore,
    job_id: str,
    outcomes: Collection[Outcome] = (),
    ids: Collection[str] = (),
) -> Iterator[RowSpan]:
    """The rows of a job, only those with one of `outcomes` and one of `ids` if given.

    Raises `NoSuchJobError` at once, before the first row is requested.
    """
    raw = store.read(job_id)
    count = int(raw.fields.get("slices", 0))
    found = store.slices_holding(job_id, count, ids) if ids else store.slices(job_id, count)
    slices = ((item.part, item.stored) for item in found)
    # A reason that first occurs after this moment is missing from the rows of a running job.
    return filtered(row_spans(raw.fields, raw.reasons, slices, store.skipped(job_id)), outcomes, ids)


def filtered(
    spans: Iterator[RowSpan], outcomes: Collection[Outcome], ids: Collection[str]
) -> Iterator[RowSpan]:
    if outcomes:
        spans = (span for span in spans if span.like.outcome in outcomes)
    if ids:
        spans = (single_row(row) for row in rows_of(spans) if row.id in ids)
    return spans


def parse_outcomes(text: str | None, parameter: str = "--outcome") -> frozenset[Outcome]:
    """Parses a list such as `failed,unknown`. Raises `BadInputError`, which names the `parameter`."""
    if text is None:
        return frozenset()
    names = [name.strip() for name in text.split(",")]
    known = {str(outcome) for outcome in Outcome}
    for name in names:
        if name not in known:
            raise BadInputError(f"{parameter}: {name!r} is none of {', '.join(sorted(known))}")
    return frozenset(Outcome(name) for name in names)
