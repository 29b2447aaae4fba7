"""The latest word on each id over a job and its retries."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.stored import job, made
from worker.core.job import State
from worker.core.outcome import COUNTED, Outcome
from worker.core.reporting.family import FamilyCount, family_report, latest_rows
from worker.core.reporting.rows import Row
from worker.core.reporting.schema import Report

EARLY, LATE = "2026-11-23T22:00:00.000Z", "2026-11-24T08:00:00.000Z"


def row(line: int, outcome: Outcome, at: str | None = EARLY, reason: str | None = None) -> Row:
    message = None if reason is None else f"id-{line} is {reason}"
    return Row(line, f"id-{line}", outcome, reason, message, 200, 1, at)


def latest(*jobs: list[Row]) -> list[tuple[int, Outcome]]:
    return [(found.line, found.outcome) for found in latest_rows(jobs)]


def test_a_line_that_no_retry_has_stays_as_it_is() -> None:
    parent = [row(1, Outcome.ACTIVATED), row(2, Outcome.FAILED), row(3, Outcome.SKIPPED, None)]
    assert latest(parent, [row(2, Outcome.ACTIVATED, LATE)]) == [
        (1, Outcome.ACTIVATED),
        (2, Outcome.ACTIVATED),
        (3, Outcome.SKIPPED),
    ]


@pytest.mark.parametrize(
    ("before", "after", "holds"),
    [
        (Outcome.FAILED, Outcome.ALREADY_ACTIVE, Outcome.ALREADY_ACTIVE),
        (Outcome.UNKNOWN, Outcome.FAILED, Outcome.FAILED),
        (Outcome.NOT_ATTEMPTED, Outcome.UNKNOWN, Outcome.UNKNOWN),
        (Outcome.FAILED, Outcome.PENDING, Outcome.PENDING),
        (Outcome.UNKNOWN, Outcome.NOT_ATTEMPTED, Outcome.UNKNOWN),
        (Outcome.FAILED, Outcome.NOT_ATTEMPTED, Outcome.FAILED),
        (Outcome.NOT_ATTEMPTED, Outcome.NOT_ATTEMPTED, Outcome.NOT_ATTEMPTED),
    ],
)
def test_the_later_row_of_an_id_is_chosen_unless_it_was_not_attempted(
    before: Outcome, after: Outcome, holds: Outcome
) -> None:
    assert latest([row(1, before, None)], [row(1, after, None)]) == [(1, holds)]


def test_of_two_retries_at_once_the_later_answer_counts() -> None:
    parent = [row(1, Outcome.NOT_ATTEMPTED, None)]
    answered_last, answered_first = [row(1, Outcome.ACTIVATED, LATE)], [row(1, Outcome.FAILED, EARLY)]
    assert latest(parent, answered_last, answered_first) == [(1, Outcome.ACTIVATED)]


FAMILY = st.lists(
    st.dictionaries(st.integers(1, 30), st.sampled_from([*COUNTED]), max_size=30), min_size=1, max_size=4
)


@given(FAMILY)
def test_every_line_comes_once_in_order_and_is_counted_once(family: list[dict[int, Outcome]]) -> None:
    rows = [[row(line, outcome, None) for line, outcome in sorted(job.items())] for job in family]
    found = FamilyCount()
    lines = []
    for latest_row in latest_rows(rows):
        lines.append(latest_row.line)
        found.add(latest_row)
    assert lines == sorted({line for job in family for line in job})
    assert sum(found.counts.values()) == len(lines)


def count(*rows: Row) -> FamilyCount:
    found = FamilyCount()
    for one in rows:
        found.add(one)
    return found


def test_failures_are_grouped_by_reason_with_a_few_samples() -> None:
    found = count(
        *(row(line, Outcome.FAILED, reason="GONE") for line in range(1, 9)),
        row(9, Outcome.UNKNOWN, reason="TIMED_OUT"),
        row(10, Outcome.ACTIVATED, reason="RESOLVED_BY_REPEAT"),
        row(11, Outcome.FAILED),
    )
    assert [(group.reason, group.count, group.message) for group in found.failures] == [
        ("GONE", 8, "<id> is GONE"),
        ("TIMED_OUT", 1, "<id> is TIMED_OUT"),
    ]
    assert found.failures[0].sample_ids == [f"id-{line}" for line in range(1, 6)]


def test_a_line_that_was_skipped_is_no_id() -> None:
    assert count(row(1, Outcome.SKIPPED)).counts == {}


def report(state: State, **more: object) -> Report:
    return made(job(state, **more))


def test_a_family_at_rest_has_one_report() -> None:
    root = report(State.CANCELLED, id="root", total=3, n_not_attempted=3, ended_ms=5, active_ms=500, r_sent=1)
    child = report(
        State.COMPLETED, id="kid", total=3, n_activated=3, ended_ms=9, active_ms=500, r_sent=2, r_200=2
    )
    rows = (row(1, Outcome.ACTIVATED), row(2, Outcome.ACTIVATED), row(3, Outcome.FAILED, reason="GONE"))
    whole = family_report([root, child], count(*rows))
    assert (whole.job_id, whole.root_job_id, whole.state) == ("root", "root", State.COMPLETED)
    assert (whole.outcome, whole.balanced) == ("partially_succeeded", True)
    assert (whole.counts["total"], whole.counts["activated"], whole.counts["failed"]) == (3, 2, 1)
    assert (whole.requests["sent"], whole.requests["by_status"]) == (3, {"200": 2})
    assert whole.ended_at == child.ended_at
    assert (whole.progress.percent, whole.progress.ids_per_second) == (100.0, 3.0)
    assert [group.reason for group in whole.failures] == ["GONE"]


def test_a_family_is_unfinished_while_one_of_its_jobs_is() -> None:
    root = report(State.COMPLETED, id="root", total=2, n_failed=2, ended_ms=5)
    running = report(State.RUNNING, id="kid", total=2, n_pending=1, n_activated=1)
    newest = report(State.CANCELLED, id="late", total=2, n_not_attempted=2, ended_ms=7)
    found = count(row(1, Outcome.ACTIVATED), row(2, Outcome.PENDING))
    whole = family_report([root, running, newest], found)
    assert (whole.state, whole.outcome, whole.ended_at) == (State.RUNNING, None, None)
    assert whole.progress.percent == 50.0


@pytest.mark.parametrize(
    ("total", "broken"), [(2, 0), (1, 1)], ids=["an id too few", "one of its jobs does not balance"]
)
def test_a_family_that_does_not_balance_says_so(total: int, broken: int) -> None:
    root = report(State.COMPLETED, total=total, n_failed=total + broken, ended_ms=5)
    assert not family_report([root], count(row(1, Outcome.FAILED))).balanced


def test_an_empty_family_is_done() -> None:
    whole = family_report([report(State.COMPLETED, total=0, ended_ms=5)], FamilyCount())
    assert (whole.outcome, whole.progress.percent, whole.progress.ids_per_second) == (
        "nothing_to_do",
        100.0,
        0.0,
    )
    assert msgspec.json.encode(whole)


def test_a_family_keeps_the_request_ids_of_all_its_jobs() -> None:
    jobs = [report(State.COMPLETED, id=name, total=1, n_failed=1) for name in ("root", "kid")]
    for job_report, found in zip(jobs, ({"500": ["a"]}, {"500": ["b"], "429": ["c"]}), strict=True):
        job_report.requests["request_ids"] = found
    whole = family_report(jobs, count(row(1, Outcome.FAILED, reason="GONE")))
    assert whole.requests["request_ids"] == {"500": ["a", "b"], "429": ["c"]}
