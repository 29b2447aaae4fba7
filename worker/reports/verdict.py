"""The job in one sentence, for the table and the page alike."""

from typing import Final

from worker.core.job import JobOutcome, State
from worker.core.report import Report

_VERDICTS: Final[dict[str, str]] = {
    JobOutcome.ALL_SUCCEEDED: "Every token is active.",
    JobOutcome.PARTIALLY_SUCCEEDED: "Some tokens are not active, or not known to be.",
    JobOutcome.NONE_SUCCEEDED: "No token was activated.",
    JobOutcome.NOTHING_TO_DO: "The list held no token id: nothing to do.",
}


def verdict(report: Report) -> str:
    if report.outcome is None:
        why = report.state_reason.message or report.state_reason.code
        return f"The job is {report.state}" + (f": {why}." if why else ".")
    sentence = _VERDICTS[report.outcome]
    if report.state is State.COMPLETED:
        return sentence
    why = report.state_reason.message or report.state_reason.code or "no reason given"
    return f"{sentence} The job ended early ({report.state}: {why})."
