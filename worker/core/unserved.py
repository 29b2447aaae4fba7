"""Explains why no live worker works on a job that waits for one."""

from collections.abc import Mapping, Sequence

from worker.core.job import FIRST_VERSION, RECORD_VERSION, ReasonCode
from worker.core.scope import Scope


def left_alone(fields: Mapping[str, str], scopes: Sequence[Scope]) -> tuple[ReasonCode, str] | None:
    """Code and message if no live worker can work on the job, to be shown instead of the stored reason.

    `scopes`: scopes of the live workers; empty if unknown.
    """
    version = fields.get("record_version", FIRST_VERSION)
    if version != RECORD_VERSION:
        return ReasonCode.OTHER_RECORD_VERSION, other_version(version)
    return unserved(fields, scopes)


def other_version(version: str) -> str:
    """The message about a job whose record has another `version` than this program's."""
    return (
        f"its record is of version {version!r}, and this program knows version {RECORD_VERSION}:"
        " use the program that submitted it, for its workers too"
    )


def unserved(fields: Mapping[str, str], scopes: Sequence[Scope]) -> tuple[ReasonCode, str] | None:
    """Code and message if there are live workers and none of them serves the job.

    Computed for each report rather than stored, so that it disappears with the first worker that serves the
    job.
    """
    api_url, org_id = fields.get("api_url"), fields.get("org_id", "")
    if not scopes or any(scope.serves_host(api_url) and scope.serves_org(org_id) for scope in scopes):
        return None
    if not any(scope.serves_host(api_url) for scope in scopes):
        theirs = ", ".join(sorted({scope.api_url for scope in scopes}))
        return ReasonCode.OTHER_API_HOST, (
            f"this job was sent to {api_url}, and the live workers have {theirs}: start a worker with"
            f" BULK_ACTIVATE_API_URL={api_url}; or, if that host was a mistake, cancel the job and submit its"
            " list again"
        )
    return ReasonCode.ORGANIZATION_NOT_SERVED, (
        "the BULK_ACTIVATE_ORGS of every live worker leaves out this job's organization:"
        f" add {org_id} to it, or start a worker that serves it"
    )
