"""The states of a job, which change may follow which, and why a job can end early."""

from enum import StrEnum
from typing import Final


class State(StrEnum):
    PREPARING = "preparing"
    """Its list is being stored; no worker touches it."""
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    """No new request; answers on their way are still recorded."""
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"
    EXPIRED = "expired"


RECORD_VERSION: Final = "2"
"""Version of the layout of a job in the store, as in `worker/store/scripts/lib/job.lua`. A record of another
version is left as it is: what steers and moves it has other names there."""

FIRST_VERSION: Final = "1"
"""Version of records that do not name one."""

READABLE_VERSIONS: Final = frozenset({FIRST_VERSION, RECORD_VERSION})
"""Those whose reports this program reads, and whose jobs at rest it removes: what a report is made of has had
the same names and layout since version 1."""


class ReasonCode(StrEnum):
    """Why a job is in the state it is in (`state_reason.code`)."""

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
    """It was sent to another API before than those of the live workers."""
    ORGANIZATION_NOT_SERVED = "organization_not_served"
    """The `ORGS` of the live workers leave its organization out."""
    OTHER_RECORD_VERSION = "other_record_version"
    """Another version of this program stored it, in a way that this one does not know."""
    MALFORMED_ORGANIZATION = "malformed_organization"
    """Its record names something that cannot be an organization: somebody wrote to Redis."""


class JobOutcome(StrEnum):
    ALL_SUCCEEDED = "all_succeeded"
    PARTIALLY_SUCCEEDED = "partially_succeeded"
    NONE_SUCCEEDED = "none_succeeded"
    NOTHING_TO_DO = "nothing_to_do"


class Control(StrEnum):
    """What a person, or a fault of the whole job, asks of it."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    FAIL = "fail"


AT_REST: Final = frozenset({State.COMPLETED, State.CANCELLED, State.FAILED, State.EXPIRED})
UNFINISHED_REST: Final = frozenset({State.PAUSED, State.CANCELLED, State.FAILED, State.EXPIRED})
WORKABLE: Final = frozenset({State.QUEUED, State.RUNNING})
"""A worker may claim slices of a job in these states, and in no other."""

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
"""The states in which the control has nothing left to do: repeating it changes nothing."""


def job_outcome(total: int, succeeded: int) -> JobOutcome:
    """The verdict on a job at rest, over its unique well-formed ids."""
    if total == 0:
        return JobOutcome.NOTHING_TO_DO
    if succeeded == total:
        return JobOutcome.ALL_SUCCEEDED
    return JobOutcome.PARTIALLY_SUCCEEDED if succeeded else JobOutcome.NONE_SUCCEEDED


def exit_code(state: State, unsuccessful: int) -> int:
    """The exit code of a command that watched the job until it rested or paused."""
    if state in UNFINISHED_REST:
        return 4
    return 3 if unsuccessful else 0
