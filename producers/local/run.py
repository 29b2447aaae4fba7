"""`run`: a whole job on this machine, with an embedded Redis and a worker of its own."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Final

import click

from producers.display.notices import show_survey, warn
from producers.job import Job
from producers.local.embedded_redis import embedded_redis
from producers.local.local_run import LocalRun
from producers.local.others import report_other_jobs
from producers.local.paths import RunPaths
from producers.reading import Source
from producers.submission.request import JobRequest
from producers.submission.session import Session, open_session
from producers.submission.submit import fingerprint, submit
from producers.submission.tracing import submission_tracing
from producers.submission.wake import wake_workers
from worker.core.errors import BadInputError, StateChangeError
from worker.core.job import AT_REST, State
from worker.core.reporting.schema import Report
from worker.settings import PREFIX, Settings

Beside = Callable[[Settings], AbstractContextManager[object]]
"""Starts what runs beside a job, on the Redis of these settings, and ends it after the job."""

_FOLDER_DUE: Final = (
    "Job {} ended before, and its results were not written: nothing is sent, they are written now."
)


def run(
    source: Source,
    request: JobRequest,
    settings: Settings,
    paths: RunPaths,
    environment: Mapping[str, str],
    *,
    beside: Beside = nullcontext,
) -> tuple[Report, Path]:
    """Runs the job of the list until it rests, with what runs `beside` it. Returns its report and its
    results folder.

    Resumes the job that an earlier run of this list left unfinished, and makes a new one otherwise. If an
    earlier job ended without its folder being written, nothing is sent: only the folder is written.
    """
    with (
        embedded_redis(settings, environment) as (server_settings, where),
        open_session(server_settings, warn, where=where) as session,
        beside(server_settings),
    ):
        store = session.store
        local_request = replace(
            request, fresh=True, fingerprint_extra=settings.api_url, api_url=settings.api_url, folder_due=True
        )
        local_request = replace(local_request, request_id=f"run:{fingerprint(source, local_request)}")
        assert local_request.request_id is not None
        existing = store.job_of(local_request.request_id)
        folder_due = existing is not None and store.owes_folder(existing)
        if existing is not None and not folder_due and store.field(existing, "state") in AT_REST:
            existing = None
        paths.check(existing)
        report_other_jobs(store, existing, demo=paths.demo)
        local_run = LocalRun(session, paths, environment)
        if existing is not None and folder_due:
            click.echo(_FOLDER_DUE.format(existing), err=True)
            return local_run.write_results(existing)
        return local_run.run_to_rest(_submit(source, local_request, session))


def resume(
    job_id: str, settings: Settings, paths: RunPaths, environment: Mapping[str, str]
) -> tuple[Report, Path]:
    """Runs an unfinished job of STATE_DIR until it rests, as `run` does.

    Raises `NoSuchJobError`, `BadInputError` if the job belongs to another API, and `StateChangeError` if
    nothing is left to do.
    """
    with (
        embedded_redis(settings, environment, needs_jobs=True) as (server_settings, where),
        open_session(server_settings, warn, where=where) as session,
    ):
        store = session.store
        fields = store.read(job_id).fields
        _check_api(job_id, fields, settings)
        folder_due = store.owes_folder(job_id)
        if fields["state"] in AT_REST and not folder_due:
            raise StateChangeError(
                f"job {job_id} is {fields['state']}: nothing is left to resume;"
                f" `bulk-activate results {job_id} --local` tells what became of its ids"
            )
        if fields["state"] == State.PREPARING:
            raise StateChangeError(
                f"the list of job {job_id} was never stored whole: run the list again, with its file"
            )
        paths.check(job_id)
        report_other_jobs(store, job_id, demo=paths.demo)
        local_run = LocalRun(session, paths, environment)
        if folder_due:
            click.echo(_FOLDER_DUE.format(job_id), err=True)
            return local_run.write_results(job_id)
        _resume(job_id, session)
        return local_run.run_to_rest(job_id)


def _check_api(job_id: str, fields: Mapping[str, str], settings: Settings) -> None:
    bound = fields.get("api_url")
    # Jobs of an earlier version recorded only the host.
    if bound == settings.api_url or (bound is None and fields.get("host") in {None, settings.api_host}):
        return
    job_api = bound or f"https://{fields['host']}"
    raise BadInputError(
        f"job {job_id} belongs to the API at {job_api}, and API_URL is {settings.api_url}:"
        f" set {PREFIX}API_URL={job_api} to resume it"
    )


def _submit(source: Source, local_request: JobRequest, session: Session) -> str:
    """Submits the list, or resumes the unfinished job of an earlier run. Returns the job's id."""
    with submission_tracing(session.settings) as submission_span:
        with submission_span(local_request) as traced_request:
            submission = submit(source, traced_request, session.store)
        job_id = submission.job_id
        if submission.new:
            click.echo(f"Job {job_id}", err=True)
            if submission.survey is not None:
                show_survey(submission.survey)
            wake_workers(session, job_id, submission.tickets, traced_request.traceparent)
            return job_id
    _resume(job_id, session)
    return job_id


def _resume(job_id: str, session: Session) -> None:
    click.echo(f"Resuming job {job_id}, which an earlier run left unfinished.", err=True)
    if session.store.field(job_id, "state") == State.PAUSED:
        Job(session, job_id).resume("run again")
