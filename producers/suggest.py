"""The command that a person most likely wants next."""

from worker.core.job import AT_REST, State
from worker.core.report import Report


def next_command(report: Report, *, workers: int | None = None) -> str:
    """What to type after a look at `report`, and why. `workers`: how many are alive, where that is known."""
    job = report.job_id
    if not report.balanced:
        return f"bulk-activate verify {job}   # the counters do not sum to the total"
    if report.state is State.PAUSED:
        mended = "once the credential is mended" if report.state_reason.code == "credential_rejected" else ""
        return f"bulk-activate resume {job}" + (f"   # {mended}" if mended else "")
    if report.state in AT_REST:
        if _is_hopeless(report):
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


def _is_hopeless(report: Report) -> bool:
    """Whether all that did not succeed was refused, for reasons that stay."""
    refused = report.counts["failed"]
    listed = sum(group.count for group in report.failures if not group.retryable)
    return 0 < refused == report.unsuccessful() == listed
