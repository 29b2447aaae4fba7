"""The report of a job: what `status -o json` prints, computed from the job's stored values.

The field names are the contract of the public interface; see the README. Pure: clocks are arguments.
"""

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import msgspec

from worker.core.job import AT_REST, State, job_outcome
from worker.core.outcome import COUNTED, SUCCEEDED, UNSUCCESSFUL, Outcome
from worker.core.reason import ID_PLACEHOLDER, Reason
from worker.core.retrying.retryable import is_retryable

SCHEMA_VERSION: Final = 1
REQUESTS: Final = ("sent", "ok", "throttled", "timed_out", "retried", "probes", "replayed", "charged")
SECONDS: Final = ("waiting_for_rate", "held_by_429", "waiting_for_place", "in_flight", "backing_off")
LONGEST_ETA: Final = 10 * 365 * 86400.0
"""Seconds. A job that hardly moves would end centuries away, past what a date can say: then none is given."""
MOST_FAILURES: Final = 50
"""Groups of failures in a report, most ids first; the rest are summed as one."""


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
    """Whether `retry` may do better for these ids."""


class Report(msgspec.Struct, frozen=True):
    schema_version: int
    job_id: str
    request_id: str | None
    parent_job_id: str | None
    root_job_id: str | None
    org_id: str
    api_url: str | None
    """Scheme and host of the API that it is sent to; None before its first claim."""
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
        return sum(self.counts[outcome] for outcome in UNSUCCESSFUL)

    def settled(self) -> int:
        return self.counts["total"] - self.counts[Outcome.PENDING] - self.counts[Outcome.AMBIGUOUS]


def timestamp(ms: float | None) -> str | None:
    """Milliseconds since the epoch as `2026-11-23T22:00:00.000Z`."""
    if ms is None:
        return None
    # Whole milliseconds first: a fraction that rounds the seconds up would leave .999 behind.
    seconds, thousandths = divmod(int(ms), 1000)
    return f"{_second(seconds)}.{thousandths:03d}Z"


@lru_cache(maxsize=1024)
def _second(seconds: int) -> str:
    """Since the epoch, as `2026-11-23T22:00:00`. Kept: many rows of a list fall into one."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


def parse_reason(text: str) -> Reason:
    """The reason that `commit.lua` interned as `text`: name, status and message, NUL between them."""
    name, status, message = text.split("\0", 2)
    return Reason(name, message, int(status))


def counts_of(fields: Mapping[str, str]) -> dict[str, int]:
    counts = {"total": int(fields.get("total", 0))}
    counts.update((outcome, int(fields.get(f"n_{outcome}", 0))) for outcome in COUNTED)
    return counts


def balances(counts: Mapping[str, int]) -> bool:
    return counts["total"] == sum(counts[outcome] for outcome in COUNTED)


def make_report(
    fields: Mapping[str, str],
    history: Iterable[str],
    failures: list[FailureGroup],
    rate: Rate,
    now_ms: int,
) -> Report:
    """The report at the store's time `now_ms`."""
    state = State(fields["state"])
    counts = counts_of(fields)
    ids = counts["total"]
    at_rest = state in AT_REST
    succeeded = sum(counts[outcome] for outcome in SUCCEEDED)
    return Report(
        schema_version=SCHEMA_VERSION,
        job_id=fields["id"],
        request_id=fields.get("request_id"),
        parent_job_id=fields.get("parent_job_id"),
        root_job_id=fields.get("root_job_id"),
        org_id=fields["org_id"],
        api_url=fields.get("api_url"),
        labels=msgspec.json.decode(fields.get("labels", "{}"), type=dict[str, str]),
        created_by=fields.get("created_by", ""),
        state=state,
        outcome=job_outcome(ids, succeeded) if at_rest else None,
        state_reason=StateReason(
            fields.get("reason_code") or None,
            fields.get("reason_message") or None,
            fields.get("reason_actor") or None,
        ),
        history=[_change(entry) for entry in history],
        created_at=timestamp(_ms(fields, "created_ms")),
        started_at=timestamp(_ms(fields, "started_ms")),
        ended_at=timestamp(_ms(fields, "ended_ms")),
        deadline_at=timestamp(_ms(fields, "deadline_ms")),
        manifest=_manifest(fields),
        counts=counts,
        balanced=balances(counts),
        requests=_requests(fields),
        rate=rate,
        progress=_progress(fields, counts, now_ms, state),
        failures=failures,
    )


def group_failures(
    reasons: Mapping[int, str], reason_counts: Mapping[int, int], samples: Mapping[int, str]
) -> list[FailureGroup]:
    """The failures by reason and status, most ids first."""
    groups: dict[tuple[str, int], FailureGroup] = {}
    for number, count in sorted(reason_counts.items(), key=lambda item: (-item[1], item[0])):
        reason = parse_reason(reasons[number])
        ids = samples.get(number, "").split()
        known = groups.get((reason.name, reason.status))
        groups[reason.name, reason.status] = FailureGroup(
            reason=reason.name,
            message=known.message if known else reason.message.replace(ID_PLACEHOLDER, "<id>"),
            count=count + (known.count if known else 0),
            status=reason.status,
            sample_ids=[*(known.sample_ids if known else []), *ids][:5],
            retryable=is_retryable(reason),
        )
    return ranked(groups.values())


def ranked(groups: Iterable[FailureGroup]) -> list[FailureGroup]:
    """Most ids first, the smallest as one; always in the same order."""
    order = sorted(groups, key=lambda group: (-group.count, group.reason, group.status))
    rest = order[MOST_FAILURES:]
    if not rest:
        return order
    others = FailureGroup(
        "OTHER",
        f"{len(rest)} further reasons",
        sum(group.count for group in rest),
        0,
        rest[0].sample_ids,
        retryable=any(group.retryable for group in rest),
    )
    return [*order[:MOST_FAILURES], others]


def _ms(fields: Mapping[str, str], name: str) -> int | None:
    return int(fields[name]) if name in fields else None


def _change(entry: str) -> StateChange:
    raw = msgspec.json.decode(entry, type=dict[str, Any])
    return StateChange(
        timestamp(raw["at"]) or "",
        raw["from"],
        raw["to"],
        raw["code"] or None,
        raw["message"] or None,
        raw["actor"] or None,
    )


def _manifest(fields: Mapping[str, str]) -> Manifest:
    if "manifest" not in fields:
        return Manifest(None, 0, 0, 0, 0)
    return msgspec.json.decode(fields["manifest"], type=Manifest)


def _requests(fields: Mapping[str, str]) -> dict[str, Any]:
    by_status = {
        name.removeprefix("r_"): int(value)
        for name, value in sorted(fields.items())
        if name.startswith("r_") and name.removeprefix("r_").isdigit()
    }
    # A few of the names that the API gave to exceptional requests, by status, for its support.
    request_ids = {
        name.removeprefix("support_"): value.split()
        for name, value in sorted(fields.items())
        if name.startswith("support_")
    }
    counts = {name: int(fields.get(f"r_{name}", 0)) for name in REQUESTS}
    return {**counts, "by_status": by_status, "request_ids": request_ids}


def _progress(fields: Mapping[str, str], counts: Mapping[str, int], now_ms: int, state: State) -> Progress:
    total = counts["total"]
    left = counts[Outcome.PENDING] + counts[Outcome.AMBIGUOUS]
    active_ms = int(fields.get("active_ms", 0))
    if state is State.RUNNING:
        active_ms += max(0, now_ms - int(fields["active_since"]))
    done = total - left
    attempted = done - counts[Outcome.NOT_ATTEMPTED]
    per_second = 1000 * attempted / active_ms if active_ms else 0.0
    seconds_left = left / per_second if per_second else LONGEST_ETA
    moving = state is State.RUNNING and seconds_left < LONGEST_ETA
    seconds = {name: int(fields.get(f"r_ms_{name}", 0)) / 1000 for name in SECONDS}
    return Progress(
        percent=math.floor(10_000 * done / total) / 100 if total else 100.0 if state in AT_REST else 0.0,
        ids_per_second=round(per_second, 1),
        eta_at=timestamp(now_ms + 1000 * seconds_left) if moving else None,
        seconds={"active": active_ms / 1000, **seconds},
    )
