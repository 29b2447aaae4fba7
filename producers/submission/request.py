"""A submission without its list, and the checks of what a caller gave for it."""

import getpass
import math
import socket
from dataclasses import dataclass, field
from typing import Final

import msgspec

from producers.reading import InputOptions
from worker.core.duration import LONGEST, parse_duration
from worker.core.errors import BadInputError, BadSettingError
from worker.core.ids import is_org_id
from worker.telemetry.traces.interface import TRACEPARENT

MAX_WEIGHT: Final = 100


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A submission without its list: the options of `submit`, `run` or `retry`."""

    org_id: str
    options: InputOptions = field(default_factory=InputOptions)
    request_id: str | None = None
    fresh: bool = False
    """Whether a request id whose job rests makes a new job instead of returning that one."""
    fingerprint_extra: str = ""
    """More text that tells requests apart; `run` adds the API's URL."""
    labels: dict[str, str] = field(default_factory=dict)
    deadline: float | None = None
    """Seconds from submission."""
    max_failures: int | None = None
    max_failure_ratio: float | None = None
    weight: int = 1
    created_by: str | None = None
    """Who submits it; None for the user of this process."""
    parent_job_id: str | None = None
    """The job whose ids this one retries."""
    root_job_id: str | None = None
    """The first job of that family."""
    traceparent: str | None = None
    """The span of this submission, if it is traced (W3C Trace Context)."""
    folder_due: bool = False
    """Whether the store remembers that the results folder of this job has to be written."""
    api_url: str | None = None
    """The API that the job is bound to; None binds it to the API of the worker that claims it first."""


def require_org(org_id: str | None, name: str = "--org") -> str:
    """Checks an organization's id; `name` is what messages call it. Raises `BadInputError`."""
    if org_id is None:
        raise BadSettingError("no organization: give --org GUID, or set BULK_ACTIVATE_ORG_ID")
    if not is_org_id(org_id):
        raise BadInputError(f"{name}: {org_id!r} is no organization's id: expected a GUID")
    return org_id


def require_weight(weight: int) -> int:
    """Checks a job's share of the rate. Raises `BadInputError`."""
    if isinstance(weight, bool) or weight not in range(1, MAX_WEIGHT + 1):
        raise BadInputError(f"--weight: {weight!r} is no whole number from 1 to {MAX_WEIGHT}")
    return int(weight)


def check_limits(request: JobRequest) -> JobRequest:
    """Raises `BadInputError` for a limit, a weight or a label that no job can have. Returns `request`."""
    require_weight(request.weight)
    if request.max_failures is not None and request.max_failures < 0:
        raise BadInputError(f"--max-failures: {request.max_failures} is less than 0")
    if request.max_failure_ratio is not None and not 0 <= request.max_failure_ratio <= 1:
        raise BadInputError(f"--max-failure-ratio: {request.max_failure_ratio} is no share from 0 to 1")
    if not all(isinstance(text, str) for pair in request.labels.items() for text in pair):
        raise BadInputError("--label: names and values of labels are strings")
    return request


def seconds_of(option: str, given: str | float | None) -> float | None:
    """A duration in seconds, given as such or as text such as 6h. Raises `BadInputError`, naming `option`."""
    if given is None:
        return None
    if isinstance(given, str):
        try:
            return parse_duration(given)
        except BadInputError as error:
            raise BadInputError(f"{option}: {error}") from None
    if not (math.isfinite(given) and 0 < given <= LONGEST):
        raise BadInputError(f"{option}: {given!r} is no duration: expected seconds, at most 36500 days")
    return float(given)


def whoami() -> str:
    """`user@host` of this process, recorded as the actor of what it does."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


def request_fields(request: JobRequest) -> dict[str, str]:
    """The fields of the job's hash in Redis that come from the request."""
    fields = {
        "org_id": request.org_id,
        "created_by": request.created_by or whoami(),
        "labels": msgspec.json.encode(request.labels).decode(),
        "weight": str(request.weight),
    }
    optional = {
        "request_id": request.request_id,
        "parent_job_id": request.parent_job_id,
        "root_job_id": request.root_job_id,
        "max_failures": request.max_failures,
        "max_failure_ratio": request.max_failure_ratio,
        TRACEPARENT: request.traceparent,
        "api_url": request.api_url,
        "folder_due": 1 if request.folder_due else None,
    }
    fields |= {name: str(value) for name, value in optional.items() if value is not None}
    return fields
