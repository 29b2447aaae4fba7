"""A job in one line, as `list` shows it."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from worker.core.errors import BadInputError
from worker.core.ids import is_job_id
from worker.core.job import State
from worker.core.reporting.report import counts_of
from worker.core.timestamp import timestamp

_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_POSITION: Final = r"^[0-9]{1,15}\.[0-9A-Za-z][0-9A-Za-z_-]{0,63}$"
"""Pattern of a position: milliseconds and a job's id."""


class JobSummary(msgspec.Struct, frozen=True):
    """A job as `list -o json` prints it."""

    job_id: str
    org_id: str
    api_url: str | None
    state: State
    created_at: str | None
    created_by: str
    counts: dict[str, int]

    @property
    def position(self) -> str:
        """Where it stands in the list: `summaries(after=...)` goes on behind it, even once it is gone."""
        assert self.created_at is not None, "summary_of reads it from a number"
        created = datetime.fromisoformat(self.created_at)
        return f"{(created - _EPOCH) // timedelta(milliseconds=1)}.{self.job_id}"


def parse_position(position: str) -> tuple[int, str]:
    """The milliseconds and the job's id in a position. Raises `BadInputError`."""
    created_ms, _, job_id = position.partition(".")
    if not (re.match(_POSITION, position) and is_job_id(job_id)):
        raise BadInputError(f"{position!r} is no position in the list of jobs")
    return int(created_ms), job_id


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
