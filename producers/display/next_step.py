"""Suggests the command to type next."""

import shlex
from pathlib import Path

from worker.core.job import AT_REST, State
from worker.core.reporting.schema import Report
from worker.reports.folder import FAILED
from worker.store.location import StoreLocation


def next_command(
    report: Report,
    *,
    workers: int | None = None,
    where: StoreLocation = StoreLocation(),  # noqa: B008
) -> str:
    """The command to type after `report`, and why. `workers`: number alive, None if unknown."""
    if where.flag:
        return _next_local(report, where)
    job = report.job_id
    if not report.balanced:
        return f"bulk-activate verify {job}   # the counters do not sum to the total"
    if report.state is State.PAUSED:
        mended = "once the credential is mended" if report.state_reason.code == "credential_rejected" else ""
        return f"bulk-activate resume {job}" + (f"   # {mended}" if mended else "")
    if report.state in AT_REST:
        if report.is_hopeless():
            return f"bulk-activate results {job} --outcome failed   # trying again mends none of the reasons"
        if report.unsuccessful():
            return (
                f"bulk-activate retry {job}   # or look first: bulk-activate results {job} --outcome failed"
            )
        merged = " --merged" if report.parent_job_id else ""
        return f"bulk-activate report {job}{merged} --output report.html"
    if workers == 0:
        return "bulk-activate worker   # none is alive: the job waits"
    return f"bulk-activate status {job} --watch"


def _next_local(report: Report, where: StoreLocation) -> str:
    """The next command for a job of `run`."""
    job = report.job_id
    if not report.balanced:
        return f"bulk-activate verify {job} --local   # the counters do not sum to the total"
    if report.state in AT_REST:
        if report.unsuccessful():
            then = "trying again mends none of the reasons" if report.is_hopeless() else "then run failed.csv"
            chosen = "--outcome failed,unknown,not_attempted --output failed.csv"
            return f"bulk-activate results {job} --local {chosen}   # {then}"
        return f"bulk-activate report {job} --local --output report.html"
    if where.at_work and report.state is not State.PAUSED:
        return f"bulk-activate status {job} --local --watch"
    return f"bulk-activate run --resume {job}   # or end it: bulk-activate cancel {job} --local"


def next_after_run(report: Report, folder: Path) -> str:
    """The next step for a job of `run` at rest, some of whose ids are not active. `folder`: its results."""
    failed = shlex.quote(str(folder / FAILED))
    if report.is_hopeless():
        return f"What is not active stands in {failed}; trying again mends none of the reasons"
    return (
        f"Next: bulk-activate run {failed} --org {report.org_id}   # what is not active; or look at it first"
    )
