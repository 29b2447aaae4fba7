"""A job in one line, as `list` shows it."""

from collections.abc import Mapping

import msgspec

from worker.core.job import State
from worker.core.reporting.report import counts_of
from worker.core.timestamp import timestamp


class JobSummary(msgspec.Struct, frozen=True):
    """A job as `list -o json` prints it."""

    job_id: str
    org_id: str
    api_url: str | None
    state: State
    created_at: str | None
    created_by: str
    counts: dict[str, int]


def summary_of(fields: Mapping[str, str]) -> JobSummary:
    """The line of a job with these fields. Raises `KeyError`, `ValueError` or `OverflowError` if damaged."""
    return JobSummary(
        job_id=fields["id"],
        org_id=fields["org_id"],
        api_url=fields.get("api_url"),
        state=State(fields["state"]),
        created_at=timestamp(float(fields["created_ms"])),
        created_by=fields.get("created_by", ""),
        counts=counts_of(fields),
    )
