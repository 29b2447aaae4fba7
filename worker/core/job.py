"""The states of a job, the transitions between them, and the reasons for ending early."""

from enum import StrEnum
from typing import Final


class State(StrEnum):
    PREPARING = "preparing"
    """The list is being stored; workers leave the job alone."""
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    """No new requests are sent; answers still to come are recorded."""
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"
    EXPIRED = "expired"


RECORD_VERSION: Final = "2"
"""Version of the layout of a job in Redis, as in `worker/store/scripts/lib/job.lua`. Jobs of another version
are not changed, since the fields that control them have other names."""

FIRST_VERSION: Final = "1"
"""Version of a job without a field `record_version`."""

READABLE_VERSIONS: Final = frozenset({FIRST_VERSION, RECORD_VERSION})
"""Versions of which this program can read reports and remove jobs at rest: the fields of a report have had
the same names and layout since version 1."""


class ReasonCode(StrEnum):
    """Why a job is in its state (`state_reason.code`)."""

    USER = "user"
    CREDENTIAL_REJECTED = "credential_rejected"
    ORGANIZATION_FORBIDDEN = "organization_forbidden"
    ORGANIZATION_NOT_FOUND = "organization_not_found"
    TOO_MANY_FAILURES = "too_many_failures"
    DEADLINE = "deadline"
    API_UNAVAILABLE = "api_unavailable"
    STORE_FULL = "store_full"
    STORE_READ_ONLY = "store_read_only"
    STORE_CANNOT_SAVE = "store_cannot_save"
    RECORD_LOST = "record_lost"
    OTHER_API_HOST = "other_api_host"
    """The job belongs to an API host that no live worker is set to."""
    ORGANIZATION_NOT_SERVED = "organization_not_served"
    """The `ORGS` of no live worker include the job's organization."""
    OTHER_RECORD_VERSION = "other_record_version"
    """Another version of this program stored the job, in a layout that this one does not know."""
    MALFORMED_ORGANIZATION = "malformed_organization"
    """The stored organization id is malformed: somebody else wrote to Redis."""


class JobOutcome(StrEnum):
    ALL_SUCCEEDED = "all_succeeded"
    PARTIALLY_SUCCEEDED = "partially_succeeded"
    NONE_SUCCEEDED = "none_succeeded"
    NOTHING_TO_DO = "nothing_to_do"


class Control(StrEnum):
    """A change of a job's state, requested by a person or caused by a fault of the whole job."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    FAIL = "fail"


AT_REST: Final = frozenset({State.COMPLETED, State.CANCELLED, State.FAILED, State.EXPIRED})
UNFINISHED_REST: Final = frozenset({State.PAUSED, State.CANCELLED, State.FAILED, State.EXPIRED})
WORKABLE: Final = frozenset({State.QUEUED, State.RUNNING})
"""States in which workers may claim slices of a job."""

ALLOWED_FROM: Final[dict[Control, frozenset[State]]] = {
    Control.PAUSE: frozenset({State.QUEUED, State.RUNNING}),
    Control.RESUME: frozenset({State.PAUSED}),
    Control.CANCEL: frozenset({State.QUEUED, State.RUNNING, State.PAUSED}),
    Control.FAIL: frozenset({State.QUEUED, State.RUNNING, State.PAUSED}),
}

IN_FORCE: Final[dict[Control, frozenset[State]]] = {
    Control.PAUSE: frozenset({State.PAUSED}),
    Control.RESUME: frozenset({State.QUEUED, State.RUNNING}),
    Control.CANCEL: frozenset({State.CANCELLING, State.CANCELLED}),
    Control.FAIL: frozenset({State.FAILED}),
}
"""States in which a control has already taken effect, so that repeating it changes nothing."""


def job_outcome(total: int, succeeded: int) -> JobOutcome:
    """The outcome of a job at rest. `total`: its unique, well-formed ids; `succeeded`: those now active."""
    if total == 0:
        return JobOutcome.NOTHING_TO_DO
    if succeeded == total:
        return JobOutcome.ALL_SUCCEEDED
    return JobOutcome.PARTIALLY_SUCCEEDED if succeeded else JobOutcome.NONE_SUCCEEDED


def exit_code(state: State, unsuccessful: int) -> int:
    """Exit code of a command that watched the job until it was paused or at rest."""
    if state in UNFINISHED_REST:
        return 4
    return 3 if unsuccessful else 0
