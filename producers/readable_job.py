"""A job as producers read it: its rows, its page and its results folder, beside its report."""

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar, cast

from producers.watched_job import WatchedJob
from worker.core.errors import BadInputError
from worker.core.job import AT_REST
from worker.core.outcome import Outcome
from worker.core.reporting.rows import Row, RowSpan, rows_of
from worker.core.reporting.schema import Report
from worker.reports.family import family_results, read_family
from worker.reports.parquet import parquet_pieces, require_parquet
from worker.reports.recount import Recount, recount
from worker.reports.results import job_results, parse_outcomes
from worker.reports.row_text import Piece, Write, csv_pieces, ndjson_pieces
from worker.reports.status import read_report, read_snapshot
from worker.store.location import must_rest

ResultsFormat = Literal["csv", "ndjson", "parquet"]
T = TypeVar("T")
Texts = str | Collection[str] | None
"""One text or several; None or none of them for all."""


class ReadableJob(WatchedJob):
    """The calls of `Job` that change nothing."""

    def results(self, outcomes: Texts = None, ids: Texts = None, *, merged: bool = False) -> Iterator[Row]:
        """Streams a row per line of the list, in its order, as it stands; those of `outcomes` and `ids` only.

        `merged`: the latest row of each line over the job and its retries. Raises `BadInputError` for an
        outcome that there is not, and the errors of a missing job, before the first row is asked for.
        """
        return self._guarded(rows_of(self._spans(outcomes_of(outcomes), _ids(ids), merged=merged)))

    def write_results(
        self,
        write: Write,
        form: ResultsFormat = "csv",
        *,
        outcomes: Texts = None,
        ids: Texts = None,
        merged: bool = False,
        bom: bool = False,
    ) -> frozenset[str]:
        """Hands the bytes that `results -o FORM` prints to `write`, in pieces. Returns `ids` without a row.

        `bom`: CSV begins with a byte order mark, by which Excel knows UTF-8. Raises as `results` does.
        """
        missing = set(_ids(ids))
        for piece in self._pieces(form, outcomes_of(outcomes), missing, merged=merged, bom=bom):
            write(piece)
        return frozenset(missing)

    def result_pieces(
        self,
        form: ResultsFormat = "csv",
        *,
        outcomes: Texts = None,
        ids: Texts = None,
        merged: bool = False,
        bom: bool = False,
    ) -> Iterator[bytes]:
        """The bytes that `results -o FORM` prints, in pieces that are read as they are asked for.

        Raises as `results` does.
        """
        return self._pieces(form, outcomes_of(outcomes), set(_ids(ids)), merged=merged, bom=bom)

    def _pieces(
        self, form: ResultsFormat, outcomes: Collection[Outcome], ids: set[str], *, merged: bool, bom: bool
    ) -> Iterator[bytes]:
        """The rows as bytes, in pieces. Removes each id that has a row from `ids` as its row is read."""
        if bom and form != "csv":
            raise BadInputError(f"--bom: only CSV takes a byte order mark, not -o {form}")
        if form == "parquet":
            require_parquet()
        pieces_of: dict[ResultsFormat, Callable[[Iterator[RowSpan]], Iterator[Piece]]] = {
            "csv": partial(csv_pieces, bom=bom),
            "ndjson": ndjson_pieces,
            "parquet": parquet_pieces,
        }
        spans = self._spans(outcomes, frozenset(ids), merged=merged)
        pieces = pieces_of[form](_noting_found(spans, ids) if ids else spans)
        return (piece.data for piece in self._guarded(pieces))

    def _spans(
        self, outcomes: Collection[Outcome], ids: Collection[str], *, merged: bool
    ) -> Iterator[RowSpan]:
        with self._session.reachable():
            return (family_results if merged else job_results)(self._session.store, self.id, outcomes, ids)

    def _guarded(self, items: Iterator[T]) -> Iterator[T]:
        with self._session.reachable():
            yield from items

    def page(self, *, merged: bool = False) -> str:
        """The page that `report` writes, as HTML."""
        # It brings Jinja2.
        from worker.reports.html.page import page  # noqa: PLC0415

        with self._session.reachable():
            if merged:
                return page(*read_family(self._session.store, self.id))
            snapshot = read_snapshot(self._session.store, self.id)
            return page(snapshot.report, [snapshot])

    def verify(self) -> Recount:
        """Recounts the job from its per-id record; `balanced` and `differences` say what was found."""
        with self._session.reachable():
            return recount(self._session.store, self.id)

    def write_folder(self, path: str | os.PathLike[str], *, parquet: bool = False) -> Report:
        """Writes the results folder as `run` does, into a new or empty folder, or one of this job.

        Raises `StateChangeError` where the job does not rest, and `BadInputError` where it cannot be written.
        """
        from worker.reports.folder import check_folder, write_folder  # noqa: PLC0415 -- as in `page`.

        store, folder = self._session.store, Path(path)
        with self._session.reachable():
            report = read_report(store, self.id)
            if report.state not in AT_REST:
                raise must_rest("write the results of", self.id, report.state, store.where)
            check_folder(folder, self.id)
            return write_folder(store, self.id, folder, self._session.settings.public(), parquet=parquet)


def outcomes_of(given: Texts) -> frozenset[Outcome]:
    if given is None or (not given and not isinstance(given, str)):
        return frozenset()
    return parse_outcomes(given if isinstance(given, str) else ",".join(given))


def _ids(given: Texts) -> frozenset[str]:
    return frozenset([given] if isinstance(given, str) else given or ())


def _noting_found(spans: Iterable[RowSpan], missing: set[str]) -> Iterator[RowSpan]:
    """Passes `spans` on and removes their ids from `missing`."""
    for span in spans:
        missing.difference_update(cast("Collection[str]", span.ids))
        yield span
