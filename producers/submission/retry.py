"""Makes a child job of those ids of a job that did not succeed."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Final

import msgspec

from producers.reading import IdSpan
from producers.submission.request import JobRequest, request_fields
from producers.submission.submit import Submission, new_job_id, store_list
from worker.core.errors import BadInputError
from worker.core.job import AT_REST, State
from worker.core.outcome import UNSUCCESSFUL, Outcome
from worker.reports.results import job_results
from worker.store.jobs import JobStore
from worker.store.location import must_rest

_REASON: Final = "reason"
"""The label with the reason that the page of `serve` asks for."""


def retry(store: JobStore, parent_id: str, request: JobRequest, outcomes: Collection[Outcome]) -> Submission:
    """Makes a job of the parent's ids that have one of `outcomes`, for its organization, with its labels.

    Ids keep their line numbers in the first list of the family. Repeating this makes another child.
    Raises `NoSuchJobError`, and `StateChangeError` if the parent is not at rest.
    """
    fields = store.read(parent_id).fields
    if State(fields["state"]) not in AT_REST:
        raise must_rest("retry", parent_id, fields["state"])
    child = replace(
        request,
        org_id=fields["org_id"],
        labels=_inherited(store, fields) | request.labels,
        weight=int(fields.get("weight", 1)),
        parent_job_id=parent_id,
        root_job_id=fields.get("root_job_id", parent_id),
        api_url=fields.get("api_url"),
    )
    job_id, _ = store.create(
        new_job_id(), request_fields(child), request_id=None, fingerprint="", fresh=False
    )
    return Submission(
        job_id, new=True, tickets=store_list(store, job_id, child, _rows(store, parent_id, outcomes), None)
    )


def _inherited(store: JobStore, fields: Mapping[str, str]) -> dict[str, str]:
    """The labels that a retry of a job inherits: all but the reason for which the job itself was made."""
    labels = _labels(fields.get("labels"))
    if (parent_id := fields.get("parent_job_id")) is not None:
        before = _labels(store.field(parent_id, "labels"))
        if before.get(_REASON) != labels.get(_REASON):
            labels.pop(_REASON, None)
    return labels


def _labels(stored: str | None) -> dict[str, str]:
    return msgspec.json.decode(stored or "{}", type=dict[str, str])


def retryable(outcomes: Collection[Outcome]) -> frozenset[Outcome]:
    """The outcomes to retry; without `outcomes` all that are no success. Raises `BadInputError`."""
    for outcome in sorted(outcomes):
        if outcome not in UNSUCCESSFUL:
            known = ", ".join(sorted(UNSUCCESSFUL))
            raise BadInputError(f"--outcome: there is nothing to retry about {outcome}: expected {known}")
    return frozenset(outcomes) or UNSUCCESSFUL


def _rows(store: JobStore, parent_id: str, outcomes: Collection[Outcome]) -> Iterator[IdSpan]:
    for span in job_results(store, parent_id, outcomes):
        if None not in span.ids:
            yield IdSpan(span.lines, [id_ for id_ in span.ids if id_ is not None])
