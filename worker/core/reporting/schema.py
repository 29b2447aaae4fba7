"""The schema of a job's report, as printed by `status -o json`."""

from typing import Any, Final

import msgspec

from worker.core.job import State
from worker.core.outcome import Outcome, settled_in, unsuccessful_in

SCHEMA_VERSION: Final = 1
REQUESTS: Final = ("sent", "ok", "throttled", "timed_out", "retried", "probes", "replayed", "charged")
SECONDS: Final = ("waiting_for_rate", "held_by_429", "waiting_for_place", "in_flight", "backing_off")


class StateReason(msgspec.Struct, frozen=True):
    code: str | None = None
    message: str | None = None
    actor: str | None = None


class StateChange(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    at: str
    from_: str
    to: str
    code: str | None
    message: str | None
    actor: str | None


class Manifest(msgspec.Struct, frozen=True):
    sha256: str | None
    lines: int
    unique: int
    duplicates: int
    malformed: int


class Rate(msgspec.Struct, frozen=True):
    configured: str | float | None
    current: float | None
    held_until: str | None


class Progress(msgspec.Struct, frozen=True):
    percent: float
    ids_per_second: float
    eta_at: str | None
    seconds: dict[str, float]


class FailureGroup(msgspec.Struct, frozen=True):
    reason: str
    message: str
    count: int
    status: int
    sample_ids: list[str]
    retryable: bool
    """Whether sending these ids again may succeed."""


class Report(msgspec.Struct, frozen=True):
    schema_version: int
    job_id: str
    request_id: str | None
    parent_job_id: str | None
    root_job_id: str | None
    org_id: str
    api_url: str | None
    """Scheme and host of the API that the job is bound to; None before its first claim."""
    labels: dict[str, str]
    created_by: str
    state: State
    outcome: str | None
    state_reason: StateReason
    history: list[StateChange]
    created_at: str | None
    started_at: str | None
    ended_at: str | None
    deadline_at: str | None
    manifest: Manifest
    counts: dict[str, int]
    balanced: bool
    requests: dict[str, Any]
    rate: Rate
    progress: Progress
    failures: list[FailureGroup]

    def unsuccessful(self) -> int:
        return unsuccessful_in(self.counts)

    def settled(self) -> int:
        return settled_in(self.counts)

    def is_hopeless(self) -> bool:
        """Whether every id that did not succeed failed for a reason that a retry cannot change."""
        refused = self.counts[Outcome.FAILED]
        listed = sum(group.count for group in self.failures if not group.retryable)
        return 0 < refused == self.unsuccessful() == listed
