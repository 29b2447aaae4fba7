"""Reads the report of a job, as `status` shows it."""

from collections.abc import Mapping
from typing import NamedTuple

from worker.core.job import WORKABLE, ReasonCode
from worker.core.outcome import Outcome
from worker.core.reporting.failures import group_failures
from worker.core.reporting.report import make_report
from worker.core.reporting.rows import job_end_reason
from worker.core.reporting.schema import FailureGroup, Rate, Report
from worker.core.reporting.timeline import Timeline, read_timeline
from worker.core.timestamp import timestamp
from worker.core.unserved import left_alone
from worker.store.damage import damage
from worker.store.job_reader import RawJob
from worker.store.jobs import JobStore
from worker.store.store_reader import WORKERS_WITHIN_MS, RawBudget


class ReportSnapshot(NamedTuple):
    """The report and the timeline of a job, as they stood at one moment."""

    report: Report
    timeline: Timeline


def read_report(store: JobStore, job_id: str) -> Report:
    """The current report. Raises `NoSuchJobError` and `DamagedRecordError`."""
    raw = store.read(job_id)
    with damage(job_id):
        return _report(store, raw)


def read_snapshot(store: JobStore, job_id: str) -> ReportSnapshot:
    """The current report and timeline. Raises as `read_report` does."""
    raw = store.read(job_id)
    with damage(job_id):
        return ReportSnapshot(_report(store, raw), read_timeline(raw.timeline))


def read_rate(store: JobStore, host: str, org_id: str) -> Rate:
    """The rate of an organization at the API host `host`, whether it has a job or not."""
    return _rate(store.budget(host, org_id), store.now_ms())


def _report(store: JobStore, raw: RawJob) -> Report:
    budget = store.budget(raw.fields.get("host", ""), raw.fields["org_id"])
    fields = dict(raw.fields)
    if fields["state"] in WORKABLE:
        if (refusal := store.refuses_writes()) is not None:
            code, message = refusal
            fields |= {"reason_code": code, "reason_message": message, "reason_actor": "store"}
        elif (left := _left_alone(store, fields)) is not None:
            code, message = left
            fields |= {"reason_code": code, "reason_message": message, "reason_actor": "worker"}
    return make_report(fields, raw.history, _failures(raw), _rate(budget, raw.now_ms), raw.now_ms)


def _left_alone(store: JobStore, fields: Mapping[str, str]) -> tuple[ReasonCode, str] | None:
    # The worker of `run` serves only its own job, so other jobs there lack no worker.
    return left_alone(fields, () if store.where.flag else store.live_scopes(WORKERS_WITHIN_MS))


def _failures(raw: RawJob) -> list[FailureGroup]:
    groups = group_failures(raw.reasons, raw.reason_counts, raw.samples)
    reason = job_end_reason(raw.fields)
    for outcome in (Outcome.PENDING, Outcome.AMBIGUOUS):
        count = int(raw.fields.get(f"rest_{outcome}", 0))
        if count:
            groups.append(FailureGroup(reason.name, reason.message, count, 0, [], retryable=True))
    return groups


def _rate(budget: RawBudget, now_ms: int) -> Rate:
    configured = budget.configured
    held = budget.held_until_ms
    return Rate(
        configured=float(configured) if configured and configured != "auto" else configured,
        current=budget.rate,
        held_until=timestamp(held) if held > now_ms else None,
    )
