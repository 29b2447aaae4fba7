"""Sections of the page with numbers: outcomes, failures, time and requests."""

from collections.abc import Iterator
from typing import Final

from worker.core.outcome import COUNTED, SUCCEEDED, Outcome
from worker.core.reporting.schema import SECONDS, FailureGroup, Report
from worker.reports.html.markup import MAX_ID, Figure, Html, seconds, share, table, text
from worker.reports.html.plots import Part, bar

_MEANINGS: Final = {
    Outcome.PENDING: "still to be sent",
    Outcome.AMBIGUOUS: "sent, its answer was lost; it will be sent again",
    Outcome.ACTIVATED: "active now, by this job",
    Outcome.ALREADY_ACTIVE: "was active before this job sent it",
    Outcome.FAILED: "the API refused it; see the reasons below",
    Outcome.NOT_ATTEMPTED: "the job ended before it was sent",
    Outcome.UNKNOWN: "sent, and no answer told what became of it",
}
_TIME_LABELS: Final = {
    "waiting_for_rate": "waiting for the rate's next slot",
    "held_by_429": "held by the API's rate limit (429)",
    "waiting_for_place": "waiting for an answer to others, with CONCURRENCY requests in flight",
    "in_flight": "in flight: sent, no answer yet",
    "backing_off": "backing off after a fault",
}


def ids(report: Report) -> Iterator[str]:
    """The section with the ids by outcome."""
    counts = report.counts
    total = counts["total"]
    yield '<section aria-labelledby="ids"><h2 id="ids">Ids</h2>'
    yield bar([Part(outcome, _named(outcome), counts[outcome]) for outcome in COUNTED], "Ids by outcome")
    rows = [
        (
            _swatch(outcome, _named(outcome)),
            counts[outcome],
            share(counts[outcome], total),
            _MEANINGS[outcome],
        )
        for outcome in COUNTED
        if counts[outcome]
    ]
    active = sum(counts[outcome] for outcome in SUCCEEDED)
    yield table(
        ("outcome", "ids", "share", "meaning"),
        [*rows, (Html("<strong>total</strong>"), total, "", f"unique ids, of which {active:,} are active")],
        caption="Each id of the list has one outcome",
        headed_rows=True,
    )
    yield "</section>"


def failures(report: Report) -> Iterator[str]:
    """The section with failures by reason; empty without failures."""
    if not report.failures:
        return
    yield '<section aria-labelledby="why"><h2 id="why">Why ids are not active</h2>'
    yield table(
        ("reason, message and examples", "HTTP", "try again?", "ids"),
        (
            (_why(group), str(group.status or ""), "yes" if group.retryable else "no", group.count)
            for group in report.failures
        ),
        caption="Most ids first; the results have every id",
        headed_rows=True,
    )
    yield "</section>"


def _why(group: FailureGroup) -> Html:
    samples = " ".join(f"<code>{text(token_id, MAX_ID)}</code>" for token_id in group.sample_ids)
    # Lets a narrow screen wrap the name between its words.
    name = text(group.reason, MAX_ID).replace("_", "_<wbr>")
    return Html(
        f"<code><strong>{name}</strong></code><br>"
        f'<span class="any">{text(group.message)}</span>'
        + (f'<div class="quiet">for example {samples}</div>' if samples else "")
    )


def time_split(report: Report) -> Iterator[str]:
    """The section that shows where the time of batches went."""
    seconds_by_phase = report.progress.seconds
    whole = sum(seconds_by_phase[name] for name in SECONDS)
    if not whole:
        return
    yield '<section aria-labelledby="spent"><h2 id="spent">Where the time went</h2>'
    yield bar([Part(name, _named(name), seconds_by_phase[name]) for name in SECONDS], "Time of batches")
    yield table(
        ("a batch was", "time", "share"),
        (
            (_swatch(name, _TIME_LABELS[name]), seconds_by_phase[name], share(seconds_by_phase[name], whole))
            for name in SECONDS
        ),
        caption="Time of all batches added up; many are on their way at once",
        headed_rows=True,
    )
    yield table(
        (),
        (
            ("the job ran for", Figure(seconds(seconds_by_phase["active"]))),
            ("ids per second meanwhile", Figure(f"{report.progress.ids_per_second:,.1f}")),
        ),
        caption="By the clock",
        headed_rows=True,
    )
    yield "</section>"


def requests(report: Report) -> Iterator[str]:
    """The section with counts of requests."""
    names = {
        "sent": "sent and recorded; a killed worker's last few are missing, none of their ids is",
        "ok": "answered 200",
        "throttled": "answered 429: too many; sent again, at nobody's cost",
        "timed_out": "timed out",
        "retried": "repeats after a lost or bad answer",
        "probes": "sent only to find the id at fault",
        "replayed": "repeats with a new access token (401)",
        "charged": "attempts charged to batches",
    }
    yield '<section aria-labelledby="requests"><h2 id="requests">Requests</h2>'
    yield table(
        ("requests", "count"),
        ((words, int(report.requests[name])) for name, words in names.items()),
        caption="Each carries up to 15 ids",
        headed_rows=True,
    )
    by_status = report.requests["by_status"]
    if by_status:
        rows = ((f"HTTP {status}", int(count)) for status, count in by_status.items())
        yield table(("answer", "requests"), rows, caption="By the status of the answer", headed_rows=True)
    request_ids = report.requests["request_ids"]
    if request_ids:
        named = ((f"HTTP {status}", ", ".join(names)) for status, names in request_ids.items())
        title = "Some exceptional answers, for the API's support"
        yield table(("answer", "request ids"), named, caption=title, headed_rows=True)
    yield "</section>"


def _named(name: str) -> str:
    return name.replace("_", " ")


def _swatch(kind: str, words: str) -> Html:
    return Html(f'<span class="named"><i class="swatch {kind}" aria-hidden="true"></i>{text(words)}</span>')
