"""Computes the report of a job from its stored fields; the time is an argument."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from worker.core.job import AT_REST, State, job_outcome
from worker.core.outcome import COUNTED, SUCCEEDED, Outcome
from worker.core.reason import ID_PLACEHOLDER, Reason
from worker.core.reporting.schema import (
    REQUESTS,
    SCHEMA_VERSION,
    SECONDS,
    FailureGroup,
    Manifest,
    Progress,
    Rate,
    Report,
    StateChange,
    StateReason,
)
from worker.core.retrying.retryable import is_retryable
from worker.core.timestamp import timestamp

LONGEST_ETA: Final = 10 * 365 * 86400.0
"""Maximum estimate in seconds. A later end is not shown: that of a job that hardly moves may not even be a
valid date."""
MAX_FAILURE_GROUPS: Final = 50
"""Maximum number of failure groups in a report; smaller groups are combined into one more."""


def parse_reason(text: str) -> Reason:
    """Parses a reason as stored by `commit.lua`: name, status and message, separated by NUL."""
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
    """The report of a job.

    `fields`: the job's hash in Redis. `history`: its state changes as JSON, oldest first. `now_ms`: Redis's
    clock in milliseconds since the epoch.
    """
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
    """Groups failures by reason and status, largest group first.

    All arguments are keyed by the number of the interned reason: its text, its number of ids, and some ids
    separated by spaces.
    """
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
    """Sorts groups by size, name and status; combines all after `MAX_FAILURE_GROUPS` into one."""
    order = sorted(groups, key=lambda group: (-group.count, group.reason, group.status))
    rest = order[MAX_FAILURE_GROUPS:]
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
    return [*order[:MAX_FAILURE_GROUPS], others]


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
    # Some request ids of exceptional answers by status, for the support of the API.
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
