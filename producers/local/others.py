"""Reports unfinished jobs of other runs in the same state folder."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Final

import click

from producers.submission.request import whoami
from worker.core.errors import NoSuchJobError, StateChangeError
from worker.core.job import AT_REST, Control, ReasonCode, State
from worker.core.outcome import settled_in
from worker.core.reporting.report import counts_of
from worker.store.jobs import JobStore

_MAX_NAMED: Final = 5
"""Jobs named; more are only counted."""


def report_other_jobs(store: JobStore, own_job: str | None, *, demo: bool) -> None:
    """Names unfinished jobs other than `own_job` on stderr, and the commands that resume or cancel them.

    With `demo` they are jobs of an earlier demo and are cancelled. Abandoned uploads are removed.
    """
    unfinished = [
        fields
        for fields in store.summaries()
        # A damaged record has no state.
        if fields.get("id") not in {None, own_job} and fields.get("state") not in {None, *AT_REST}
    ]
    left = [fields for fields in unfinished if not _is_wound_up(store, fields, demo=demo)]
    for fields in left[:_MAX_NAMED]:
        click.echo(_describe(fields), err=True)
    if len(left) > _MAX_NAMED:
        more = len(left) - _MAX_NAMED
        click.echo(f"{more} more unfinished jobs are left as they are: bulk-activate list --local", err=True)


def _is_wound_up(store: JobStore, fields: Mapping[str, str], *, demo: bool) -> bool:
    """Whether no later run resumes this job. If so, it is purged, cancelled or swept as its state allows."""
    job_id, state = fields["id"], fields["state"]
    with suppress(StateChangeError, NoSuchJobError):
        if state == State.PREPARING:
            store.purge(job_id)
        elif demo:
            store.control(job_id, Control.CANCEL, code=ReasonCode.USER, message="demo", actor=whoami())
        if state == State.CANCELLING:
            store.sweep(job_id)
    return demo or state in {State.PREPARING, State.CANCELLING}


def _describe(fields: Mapping[str, str]) -> str:
    job_id, counts = fields["id"], counts_of(fields)
    at = f" of {fields['api_url']}" if "api_url" in fields else ""
    return (
        f"Job {job_id}{at}, {settled_in(counts):,} of {counts['total']:,} ids done,"
        f" is left {fields['state']}:"
        f" `bulk-activate run --resume {job_id}` takes it up,"
        f" `bulk-activate cancel {job_id} --local` ends it."
    )
