"""A job as producers read it: its report, its rows, its page, and the wait for its end."""

import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Final, Literal, TypeVar, cast

from redis.exceptions import RedisError

from producers.submission.session import Session
from producers.waiting import MAX_OUTAGE, POLL, Outage, Progress, Wait, require_completed
from worker.core.errors import BadInputError
from worker.core.ids import is_job_id
from worker.core.job import AT_REST
from worker.core.outcome import Outcome
from worker.core.reporting.rows import Row, RowSpan, rows_of
from worker.core.reporting.schema import Report
from worker.core.reporting.timeline import Timeline
from worker.reports.family import family_results, read_family
from worker.reports.parquet import parquet_pieces, require_parquet
from worker.reports.recount import Recount, recount
from worker.reports.results import Piece, Write, csv_pieces, job_results, ndjson_pieces, parse_outcomes
from worker.reports.status import read_report, read_snapshot
from worker.store.location import must_rest, no_such_job
from worker.store.store_reader import WORKERS_WITHIN_MS

ResultsFormat = Literal["csv", "ndjson", "parquet"]
T = TypeVar("T")
Texts = str | Collection[str] | None
"""One text or several; None or none of them for all."""


class ReadableJob:
    """The calls of `Job` that change nothing."""

    def __init__(self, session: Session, job_id: str) -> None:
        self._session = session
        self.id: Final = job_id

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}>"

    def org_id(self) -> str:
        """The organization of the job."""
        with self._session.reachable():
            found = self._session.store.field(self.id, "org_id") if is_job_id(self.id) else None
        if found is None:
            raise no_such_job(self.id, self._session.store.where)
        return found

    def report(self) -> Report:
        """The document of `status -o json`, also while the job runs."""
        with self._session.reachable():
            return self._report()

    def _report(self) -> Report:
        # With no worker alive, nobody else settles a deadline that has passed.
        self._session.store.expire_if_due(self.id)
        return read_report(self._session.store, self.id)

    def progress(self) -> Progress:
        """The report, with how many worker processes are alive and Redis's clock."""
        with self._session.reachable():
            return self._progress()

    def _progress(self) -> Progress:
        return self._with_workers(self._report())

    def _with_workers(self, report: Report) -> Progress:
        store = self._session.store
        return Progress(report, store.now_ms(), store.live_workers(WORKERS_WITHIN_MS))

    def snapshot(self) -> tuple[Progress, Timeline]:
        """The progress, and what was sent and settled when, for plots."""
        with self._session.reachable():
            self._session.store.expire_if_due(self.id)
            report, timeline = read_snapshot(self._session.store, self.id)
            return self._with_workers(report), timeline

    def wait(self, timeout: float | None = None) -> Report:
        """Blocks until the job has completed, and returns its report: ids may have failed all the same.

        Waits up to ten minutes for a Redis that is away. Raises `WatchTimeoutError` after `timeout` seconds,
        while the job goes on, and `JobUnfinishedError`, with the report, where the job is paused, or ended
        cancelled, failed or expired.
        """
        report = None
        for step in self.follow(timeout):
            report = step.report if isinstance(step, Progress) else report
        assert report is not None, "the last step is progress"
        return require_completed(report)

    def follow(
        self, timeout: float | None = None, *, max_outage: float = MAX_OUTAGE
    ) -> Iterator[Progress | Outage]:
        """Yields the progress four times a second, the last one when the job rests or is paused.

        Yields an `Outage` for each time that Redis could not be read, for up to `max_outage` seconds. Raises
        `WatchTimeoutError` after `timeout` seconds, while the job goes on.
        """
        wait = self.begin_wait(timeout, max_outage)
        while True:
            step = self.next_step(wait)
            yield step
            if step.is_last:
                return
            wait.check_time(time.monotonic())
            time.sleep(POLL)

    def begin_wait(self, timeout: float | None, max_outage: float) -> Wait:
        """For a loop of one's own, such as that of `AsyncJob`: see `follow`, which it looks like."""
        return Wait(self.id, time.monotonic(), timeout=timeout, max_outage=max_outage)

    def next_step(self, wait: Wait) -> Progress | Outage:
        """Reads the progress once."""
        with self._session.reachable():
            try:
                progress = self._progress()
            except RedisError as error:
                return wait.on_error(error, time.monotonic())
        wait.on_read()
        if not progress.is_last and not self._session.store.where.at_work:
            # Waiting would never end.
            raise BadInputError(
                f"--watch: no run is at work on job {self.id}, which stays {progress.report.state}:"
                f" `bulk-activate run --resume {self.id}` goes on with it"
            )
        return progress

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
        """Removes from `ids`, on the way, those that have a row."""
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
