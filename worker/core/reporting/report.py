"""Computes the report of a job from its stored fields; the time is an argument."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from worker.core.job import AT_REST, State, job_outcome
from worker.core.outcome import COUNTED, SUCCEEDED
from worker.core.reporting.progress import progress_of
from worker.core.reporting.schema import (
    REQUESTS,
    SCHEMA_VERSION,
    FailureGroup,
    Manifest,
    Rate,
    Report,
    StateChange,
    StateReason,
)
from worker.core.timestamp import timestamp


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
        progress=progress_of(fields, counts, now_ms, state),
        failures=failures,
    )


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
