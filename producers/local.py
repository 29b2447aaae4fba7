"""The whole job on one machine: embedded Redis, a worker for it alone, the list, the watch, the folder."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import click

from producers.children import Child
from producers.connection import opened, wake_workers
from producers.embedded_redis import embedded_redis
from producers.jobs import Request, fingerprint, submit, whoami
from producers.others import leave_others
from producers.planned import show_survey
from producers.reading import Source
from producers.traced import traces
from producers.watch import watch
from worker.core.errors import BadInputError, StateChangeError
from worker.core.job import AT_REST, Control, ReasonCode, State
from worker.core.report import Report
from worker.reports.folder import check_folder, write_folder
from worker.reports.status import read_report
from worker.settings import PREFIX, Settings
from worker.store.jobs import JobStore


class UnwrittenError(BadInputError):
    """The job stands as `report` says, but its results folder could not be written."""

    def __init__(self, message: str, report: Report) -> None:
        super().__init__(message)
        self.report = report


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run keeps its things."""

    home: Path
    output: Path | None
    """The results folder; None for a new one under `home`."""
    parquet: bool = False
    """Whether it gets the rows as Parquet too."""
    demo: bool = False
    """Whether its jobs are made up, so that nobody takes one up later."""

    def results(self, job_id: str) -> Path:
        return self.output or self.home / "results" / job_id

    def check(self, job_id: str | None) -> None:
        """Before the first request: the folder can be made and written, and is no other job's."""
        if self.output is not None:
            check_folder(self.output, job_id)
        else:
            # What it holds are folders of jobs, each of its own name.
            make_home(self.home / "results")


@dataclass(frozen=True, slots=True)
class _Run:
    """A run on its embedded Redis, which `settings` lead to."""

    store: JobStore
    settings: Settings
    place: Place
    environment: Mapping[str, str]

    def take_to_rest(self, job_id: str) -> tuple[Report, Path]:
        """Works on the job alone until it rests or is paused, then writes the folder."""
        place = self.place
        environment = {**self.environment, f"{PREFIX}REDIS_URL": self.settings.redis_url}
        with Child("worker", ["--job", job_id], environment, place.home / "worker.log") as worker:
            # Its Redis comes back with another run, and with nothing else.
            watch(self.store, job_id, tick=worker.keep_alive, patience=0, own_worker=True)
            # A paused job's last answers land first: nothing moves while the folder is written.
            worker.stop()
        return self.write(job_id)

    def write(self, job_id: str) -> tuple[Report, Path]:
        """Raises `UnwrittenError`."""
        folder = self.place.results(job_id)
        try:
            report = write_folder(
                self.store, job_id, folder, self.settings.public(), parquet=self.place.parquet
            )
        except (BadInputError, OSError) as error:
            raise self._unwritten(job_id, folder, error) from error
        if report.state in AT_REST:
            self.store.folder_is_written(job_id)
        return report, folder

    def _unwritten(self, job_id: str, folder: Path, error: Exception) -> UnwrittenError:
        report = read_report(self.store, job_id)
        # Where a demo keeps its things is no setting of the shell that it was started in.
        at = f"{PREFIX}STATE_DIR={self.place.home} " if self.place.demo else ""
        again = "" if self.place.demo else "; or run the same command, which then sends nothing again"
        why = error.strerror if isinstance(error, OSError) else str(error)
        return UnwrittenError(
            f"job {job_id} is {report.state}, but its results could not be written to {folder} ({why}):"
            f" write them elsewhere with `{at}bulk-activate results {job_id} --local --output results.csv`"
            f"{again}",
            report,
        )


def make_home(home: Path) -> Path:
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise BadInputError(f"cannot make {home} ({error.strerror}): set {PREFIX}STATE_DIR") from error
    return home


def run(
    source: Source, request: Request, settings: Settings, place: Place, environment: Mapping[str, str]
) -> tuple[Report, Path]:
    """Takes the list's job to its rest; its report and its results folder.

    The job is the one that an earlier run of this list left unfinished, else a new one. One that ended, and
    whose folder could not be written, is not sent again: its folder is written.
    """
    with embedded_redis(settings, environment) as (own, where), opened(own, where=where) as store:
        named = replace(
            request, fresh=True, fingerprint_extra=settings.api_url, api_url=settings.api_url, folder_due=True
        )
        named = replace(named, request_id=f"run:{fingerprint(source, named)}")
        assert named.request_id is not None
        known = store.job_of(named.request_id)
        owing = known is not None and store.owes_folder(known)
        if known is not None and not owing and store.field(known, "state") in AT_REST:
            known = None
        place.check(known)
        leave_others(store, known, demo=place.demo)
        this = _Run(store, own, place, environment)
        if known is not None and owing:
            click.echo(_OWING.format(known), err=True)
            return this.write(known)
        return this.take_to_rest(_submitted(source, named, own, store))


def resume(
    job_id: str, settings: Settings, place: Place, environment: Mapping[str, str]
) -> tuple[Report, Path]:
    """As `run`, for a job of STATE_DIR.

    Raises `NoSuchJobError`, `BadInputError` where the job is of another API, or `StateChangeError` where
    nothing is left to do for it.
    """
    with (
        embedded_redis(settings, environment, needs_jobs=True) as (own, where),
        opened(own, where=where) as store,
    ):
        fields = store.read(job_id).fields
        _check_api(job_id, fields, settings)
        owing = store.owes_folder(job_id)
        if fields["state"] in AT_REST and not owing:
            raise StateChangeError(
                f"job {job_id} is {fields['state']}: nothing is left to resume;"
                f" `bulk-activate results {job_id} --local` tells what became of its ids"
            )
        if fields["state"] == State.PREPARING:
            raise StateChangeError(
                f"the list of job {job_id} was never stored whole: run the list again, with its file"
            )
        place.check(job_id)
        leave_others(store, job_id, demo=place.demo)
        this = _Run(store, own, place, environment)
        if owing:
            click.echo(_OWING.format(job_id), err=True)
            return this.write(job_id)
        _go_on(job_id, own, store)
        return this.take_to_rest(job_id)


_OWING: Final = (
    "Job {} ended before, and its results were not written: nothing is sent, they are written now."
)


def _check_api(job_id: str, fields: Mapping[str, str], settings: Settings) -> None:
    bound = fields.get("api_url")
    # Jobs of an earlier version know the host alone.
    if bound == settings.api_url or (bound is None and fields.get("host") in {None, settings.api_host}):
        return
    theirs = bound or f"https://{fields['host']}"
    raise BadInputError(
        f"job {job_id} belongs to the API at {theirs}, and API_URL is {settings.api_url}:"
        f" set {PREFIX}API_URL={theirs} to resume it"
    )


def _submitted(source: Source, named: Request, settings: Settings, store: JobStore) -> str:
    """The job of the list: a new one, or the unfinished one of an earlier run, told to go on."""
    with traces(settings) as submitting:
        with submitting(named) as traced:
            submitted = submit(source, traced, store)
        job_id = submitted.job_id
        if submitted.new:
            click.echo(f"Job {job_id}", err=True)
            if submitted.surveyed is not None:
                show_survey(submitted.surveyed)
            wake_workers(settings, job_id, submitted.tickets, traced.traceparent)
            return job_id
    _go_on(job_id, settings, store)
    return job_id


def _go_on(job_id: str, settings: Settings, store: JobStore) -> None:
    click.echo(f"Resuming job {job_id}, which an earlier run left unfinished.", err=True)
    if store.field(job_id, "state") == State.PAUSED:
        _, _, tickets = store.control(
            job_id, Control.RESUME, code=ReasonCode.USER, message="run again", actor=whoami()
        )
        wake_workers(settings, job_id, tickets)
