"""The whole job on one machine: embedded Redis, one worker, the list, the watch, the results folder."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import click

from producers.children import Child
from producers.connection import opened, wake_workers
from producers.jobs import Request, fingerprint, submit, whoami
from producers.reading import Source
from producers.traced import traces
from producers.watch import watch
from worker.core.errors import BadInputError
from worker.core.job import Control, ReasonCode, State
from worker.core.report import Report
from worker.reports.folder import check_folder, write_folder
from worker.settings import PREFIX, Settings
from worker.store.jobs import JobStore


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run keeps its things."""

    home: Path
    output: Path | None
    """The results folder; None for a new one under `home`."""
    parquet: bool = False
    """Whether it gets the rows as Parquet too."""

    def results(self, job_id: str) -> Path:
        return self.output or self.home / "results" / job_id


@contextmanager
def private_services(
    settings: Settings, home: Path, environment: Mapping[str, str]
) -> Iterator[tuple[Settings, Child]]:
    """The embedded Redis and a worker on it: the settings that lead there, and the worker."""
    with ExitStack() as stack:
        arguments = ["--dir", str(home / "redis")]
        redis = stack.enter_context(Child("redis", arguments, environment, home / "redis-supervisor.log"))
        url = str(redis.ready()["url"])
        worker_environment = {**environment, f"{PREFIX}REDIS_URL": url}
        worker = stack.enter_context(Child("worker", [], worker_environment, home / "worker.log"))
        yield settings.model_copy(update={"redis_url": url}), worker


def make_home(home: Path) -> Path:
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise BadInputError(f"cannot make {home} ({error.strerror}): set {PREFIX}STATE_DIR") from error
    return home


def run(
    source: Source, request: Request, settings: Settings, place: Place, environment: Mapping[str, str]
) -> tuple[Report, Path]:
    """Takes the list's job to its rest; its report and its results folder."""
    with private_services(settings, place.home, environment) as (own, worker), opened(own) as store:
        job_id = _job(source, request, own, place, store)
        watch(store, job_id, tick=worker.keep_alive)
        # A paused job's last answers land first: nothing moves while the folder is written.
        worker.stop()
        folder = place.results(job_id)
        return write_folder(store, job_id, folder, own.public(), parquet=place.parquet), folder


def _job(source: Source, request: Request, settings: Settings, place: Place, store: JobStore) -> str:
    """The job that an earlier run of this list left unfinished, else a new one."""
    named = replace(request, fresh=True, fingerprint_extra=settings.api_url)
    named = replace(named, request_id=f"run:{fingerprint(source, named)}")
    assert named.request_id is not None
    if place.output is not None:
        check_folder(place.output, store.unfinished_job_of(named.request_id))
    with traces(settings) as submitting:
        with submitting(named) as traced:
            submitted = submit(source, traced, store)
        job_id = submitted.job_id
        if submitted.new:
            click.echo(f"Job {job_id}", err=True)
            wake_workers(settings, job_id, submitted.tickets, traced.traceparent)
            return job_id
    click.echo(f"Resuming job {job_id}, which an earlier run left unfinished.", err=True)
    if store.field(job_id, "state") == State.PAUSED:
        _, _, tickets = store.control(
            job_id, Control.RESUME, code=ReasonCode.USER, message="run again", actor=whoami()
        )
        wake_workers(settings, job_id, tickets)
    return job_id
