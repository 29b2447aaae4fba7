"""Sums a job up in one sentence, for the table and the page."""

from worker.core.job import State
from worker.core.outcome import SUCCEEDED, Outcome
from worker.core.reporting.schema import Report


def verdict(report: Report) -> str:
    """The verdict. Malformed lines come first, since the rest could pass for the whole list."""
    return " ".join(filter(None, (never_sent(report), _verdict(report))))


def never_sent(report: Report) -> str:
    """How many lines were malformed; '' if none."""
    lines, malformed = report.manifest.lines, report.manifest.malformed
    if not malformed:
        return ""
    were = "was" if malformed == 1 else "were"
    return f"{malformed:,} of {lines:,} line{'' if lines == 1 else 's'} {were} malformed and never sent."


def _verdict(report: Report) -> str:
    if report.outcome is None:
        why = report.state_reason.message or report.state_reason.code
        return f"The job is {report.state}" + (f": {why}." if why else ".")
    sentence = _at_rest(report)
    if report.state is State.COMPLETED:
        return sentence
    why = report.state_reason.message or report.state_reason.code or "no reason given"
    return f"{sentence} The job ended early ({report.state}: {why})."


def _at_rest(report: Report) -> str:
    counts = report.counts
    total, active = counts["total"], sum(counts[outcome] for outcome in SUCCEEDED)
    if not total:
        return "The list held no token id: nothing to do."
    if active == total:
        return "The token is active." if total == 1 else f"All {total:,} tokens are active."
    parts = (
        (Outcome.FAILED, "refused"),
        (Outcome.UNKNOWN, "not known to be active or not"),
        (Outcome.NOT_ATTEMPTED, "never sent"),
    )
    rest = ", ".join(f"{counts[outcome]:,} {words}" for outcome, words in parts if counts[outcome])
    return f"{active:,} of {total:,} tokens are active; {rest}."
