"""Says in one look whether a job goes well, and what to do if it does not."""

from enum import StrEnum
from typing import Final, NamedTuple

from producers.waiting import Progress
from worker.core.duration import show_duration
from worker.core.job import AT_REST, WORKABLE, ReasonCode, State
from worker.core.outcome import Outcome
from worker.core.reporting.schema import Report
from worker.reports.verdict import verdict


class Tone(StrEnum):
    """The colour of it; each has a sign of its own too."""

    GOOD = "good"
    MOVING = "moving"
    WAITING = "waiting"
    """Somebody has to do something, or it waits for what passes by itself."""
    BAD = "bad"


class Headline(NamedTuple):
    tone: Tone
    words: str
    advice: str
    """What to do; '' for nothing."""


ADVICE: Final = {
    ReasonCode.CREDENTIAL_REJECTED: (
        "The API refuses the workers' credential. Give them one that holds (API_TOKEN, or the file of the"
        " organization in CREDENTIALS_DIR), then resume."
    ),
    ReasonCode.ORGANIZATION_FORBIDDEN: (
        "The workers' credential is none of an owner of this organization. Give them an owner's, then retry."
    ),
    ReasonCode.ORGANIZATION_NOT_FOUND: (
        "The API knows no organization with this id. Submit the list again for the right one."
    ),
    ReasonCode.TOO_MANY_FAILURES: (
        "It ended at the limit of failures that it was given. Look at the reasons below before you retry."
    ),
    ReasonCode.DEADLINE: "It ended at its deadline. A retry sends what is left.",
    ReasonCode.API_UNAVAILABLE: (
        "Nothing is lost, and there is nothing to do here: workers try again until the API answers."
    ),
    ReasonCode.STORE_FULL: "Give Redis more memory. The job then goes on by itself.",
    ReasonCode.STORE_READ_ONLY: "Have Redis take writes again. The job then goes on by itself.",
    ReasonCode.STORE_CANNOT_SAVE: "Mend the disk that Redis saves to. The job then goes on by itself.",
    ReasonCode.RECORD_LOST: (
        "Somebody removed or changed its keys in Redis. Submit the list again: what is active stays so."
    ),
    ReasonCode.OTHER_API_HOST: "Start a worker that is set to this API. The job then goes on by itself.",
    ReasonCode.ORGANIZATION_NOT_SERVED: (
        "Start a worker that serves this organization (ORGS). The job then goes on by itself."
    ),
    ReasonCode.OTHER_RECORD_VERSION: (
        "Start a worker of the version that stored the job. It then goes on by itself."
    ),
    ReasonCode.MALFORMED_ORGANIZATION: "Somebody else writes to this Redis. Find out who does.",
}
"""What to do where a job does not go on, or did not end as it should."""

_MANY: Final = 0.05
"""Share of the ids settled that did not succeed, from which a look is worth while."""
_LONG_HOLD: Final = 10.0
"""Seconds of a hold from which it is worth a word: shorter ones are how a rate is kept."""
_START: Final = "Start one with `bulk-activate worker`. The job then goes on by itself."
_STUCK: Final = frozenset(ADVICE) - {ReasonCode.DEADLINE, ReasonCode.TOO_MANY_FAILURES}


def headline(progress: Progress) -> Headline:
    report = progress.report
    if not report.balanced:
        return Headline(
            Tone.BAD,
            "The counters do not sum to the total.",
            f"Do not rely on this page before `bulk-activate verify {report.job_id}` says what is wrong.",
        )
    if report.state in AT_REST:
        return _at_rest(report)
    if report.state in WORKABLE:
        return _workable(progress)
    if report.state is State.PAUSED:
        why = report.state_reason.message
        who = f" by {report.state_reason.actor}" if report.state_reason.actor else ""
        advice = ADVICE.get(_code(report), "Nothing is sent until somebody resumes it.")
        return Headline(Tone.WAITING, f"Paused{who}{f': {why}' if why else ''}.", advice)
    if report.state is State.CANCELLING:
        return Headline(Tone.WAITING, "Being cancelled: answers that are still to come are recorded.", "")
    return Headline(Tone.MOVING, "The list is being stored.", "")


def _code(report: Report) -> ReasonCode:
    """The reason of its state; USER where there is none that asks for advice."""
    code = report.state_reason.code
    return ReasonCode(code) if code in set(ReasonCode) else ReasonCode.USER


def _workable(progress: Progress) -> Headline:
    """Of a job that workers may take up."""
    report, code = progress.report, _code(progress.report)
    why = report.state_reason.message or ""
    if code is ReasonCode.API_UNAVAILABLE:
        return Headline(Tone.WAITING, f"It waits: {why or 'the API does not answer'}.", ADVICE[code])
    if code in _STUCK:
        return Headline(Tone.BAD, f"It does not go on{': ' if why else ''}{why}.", ADVICE[code])
    if not progress.workers:
        return Headline(Tone.BAD, "No worker is alive: nothing is sent.", _START)
    if (held := progress.hold_seconds()) > _LONG_HOLD:
        return Headline(
            Tone.WAITING,
            f"The API asks to wait (429): sending goes on in {show_duration(held)}.",
            "There is nothing to do: this is how the API's limit is kept.",
        )
    if report.state is State.QUEUED:
        return Headline(Tone.MOVING, "It waits for its turn at a worker.", "")
    left = progress.seconds_left()
    until = f": about {show_duration(left)} left." if left else "."
    if _unsuccessful_now(report) > _MANY * report.settled():
        advice = "The reasons stand below. A pause stops sending until you know more."
        return Headline(Tone.WAITING, f"Many ids do not become active{until}", advice)
    return Headline(Tone.MOVING, f"It goes well{until}", "")


def _unsuccessful_now(report: Report) -> int:
    return report.counts[Outcome.FAILED] + report.counts[Outcome.UNKNOWN]


def _at_rest(report: Report) -> Headline:
    words = verdict(report)
    if not report.unsuccessful():
        return Headline(Tone.GOOD, words, "")
    advice = ADVICE.get(_code(report))
    if advice is None:
        advice = (
            "Trying again would not help with any of them: the reasons stand below."
            if report.is_hopeless()
            else "A retry sends those again that did not become active; the reasons stand below."
        )
    return Headline(Tone.WAITING if report.state is State.COMPLETED else Tone.BAD, words, advice)
