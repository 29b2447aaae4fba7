import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.job import AT_REST, State
from worker.core.outcome import COUNTED
from worker.core.report import (
    LONGEST_ETA,
    FailureGroup,
    Manifest,
    Rate,
    Report,
    StateReason,
    balances,
    counts_of,
    make_report,
    timestamp,
)

T0 = 1_795_471_200_000
"""2026-11-23T22:00:00.000Z in milliseconds."""
RATE = Rate("auto", 10.0, None)


def job(state: State = State.RUNNING, **more: object) -> dict[str, str]:
    """The least that a job's hash holds."""
    fields = {"state": state, "id": "J", "org_id": "O", "active_since": T0} | more
    return {name: str(value) for name, value in fields.items()}


def made(fields: dict[str, str], *, now_ms: int = T0, history: list[str] | None = None) -> Report:
    return make_report(fields, history or [], [], RATE, now_ms)


def test_a_job_being_prepared_has_a_report_already() -> None:
    report = made(job(State.PREPARING))
    assert json.loads(msgspec.json.encode(report)) == {
        "schema_version": 1,
        "job_id": "J",
        "request_id": None,
        "parent_job_id": None,
        "root_job_id": None,
        "org_id": "O",
        "labels": {},
        "created_by": "",
        "state": "preparing",
        "outcome": None,
        "state_reason": {"code": None, "message": None, "actor": None},
        "history": [],
        "created_at": None,
        "started_at": None,
        "ended_at": None,
        "deadline_at": None,
        "manifest": {"sha256": None, "lines": 0, "unique": 0, "duplicates": 0, "malformed": 0},
        "counts": dict.fromkeys(["total", *COUNTED], 0),
        "balanced": True,
        "requests": {
            **dict.fromkeys(
                ["sent", "ok", "throttled", "timed_out", "retried", "probes", "replayed", "charged"], 0
            ),
            "by_status": {},
        },
        "rate": {"configured": "auto", "current": 10.0, "held_until": None},
        "progress": {
            "percent": 0.0,
            "ids_per_second": 0.0,
            "eta_at": None,
            "seconds": {
                "active": 0.0,
                "waiting_for_rate": 0.0,
                "held_by_429": 0.0,
                "in_flight": 0.0,
                "backing_off": 0.0,
            },
        },
        "failures": [],
    }


def test_a_finished_job_reports_every_field() -> None:
    fields = job(
        State.COMPLETED,
        request_id="R",
        parent_job_id="P",
        root_job_id="Q",
        labels='{"team":"a"}',
        created_by="me@here",
        reason_code="user",
        reason_message="because",
        reason_actor="me@here",
        created_ms=T0,
        started_ms=T0 + 1,
        ended_ms=T0 + 61_001,
        deadline_ms=T0 + 3_600_000,
        manifest='{"sha256":"ab","lines":7,"unique":5,"duplicates":1,"malformed":1}',
        total=5,
        n_activated=3,
        n_already_active=1,
        n_failed=1,
        active_ms=2000,
        r_sent=4,
        r_ok=2,
        r_200=2,
        r_503=2,
        r_retried=2,
        r_charged=4,
        r_ms_in_flight=1500,
        r_ms_waiting_for_rate=250,
    )
    report = made(fields)
    assert (report.request_id, report.parent_job_id, report.root_job_id) == ("R", "P", "Q")
    assert (report.labels, report.created_by) == ({"team": "a"}, "me@here")
    assert report.state_reason == StateReason("user", "because", "me@here")
    assert (report.created_at, report.started_at) == ("2026-11-23T22:00:00.000Z", "2026-11-23T22:00:00.001Z")
    assert (report.ended_at, report.deadline_at) == ("2026-11-23T22:01:01.001Z", "2026-11-23T23:00:00.000Z")
    assert report.manifest == Manifest("ab", 7, 5, 1, 1)
    assert report.outcome == "partially_succeeded"
    assert report.balanced
    assert (report.unsuccessful(), report.settled()) == (1, 5)
    assert report.requests["by_status"] == {"200": 2, "503": 2}
    assert (report.requests["sent"], report.requests["charged"], report.requests["probes"]) == (4, 4, 0)
    assert report.progress.percent == 100.0
    assert report.progress.ids_per_second == 2.5
    assert report.progress.eta_at is None
    seconds = report.progress.seconds
    assert (seconds["active"], seconds["in_flight"], seconds["waiting_for_rate"]) == (2.0, 1.5, 0.25)


@pytest.mark.parametrize("state", State)
def test_only_a_job_at_rest_has_an_outcome(state: State) -> None:
    assert (made(job(state)).outcome == "nothing_to_do") == (state in AT_REST)


@pytest.mark.parametrize(("state", "percent"), [(State.COMPLETED, 100.0), (State.QUEUED, 0.0)])
def test_a_job_without_ids_is_done_once_it_rests(state: State, percent: float) -> None:
    assert made(job(state)).progress.percent == percent


def test_what_is_in_doubt_is_not_done() -> None:
    report = made(job(total=8, n_activated=2, n_ambiguous=1, n_pending=5))
    assert report.progress.percent == 25.0
    assert report.settled() == 2


def test_ids_given_up_without_a_request_do_not_count_as_speed() -> None:
    fields = job(State.CANCELLED, total=100, n_activated=10, n_not_attempted=90, active_ms=1000)
    assert made(fields).progress.ids_per_second == 10.0


# --- the estimate -----------------------------------------------------------------------------------------


def running(**counts: int) -> dict[str, str]:
    """A job that has been running for a second."""
    return job(State.RUNNING, total=sum(counts.values()), active_ms=1000, **counts)


def test_a_running_job_ends_when_the_rest_is_done_at_the_speed_so_far() -> None:
    # One second before, one since: 20 ids in 2 seconds, 60 to go.
    report = made(running(n_activated=20, n_pending=60), now_ms=T0 + 1000)
    assert report.progress.seconds["active"] == 2.0
    assert report.progress.ids_per_second == 10.0
    assert report.progress.eta_at == "2026-11-23T22:00:07.000Z"


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param(running(n_pending=5), id="nothing is done yet"),
        pytest.param(job(total=5, n_activated=1, n_pending=4), id="no time has passed"),
        pytest.param(
            job(State.PAUSED, total=5, n_activated=1, n_pending=4, active_ms=1000), id="it is paused"
        ),
        pytest.param(
            running(n_activated=1, n_pending=10**7) | {"active_ms": str(36_000_000)},
            id="at this speed it takes a thousand years and more",
        ),
        pytest.param(
            running(n_activated=1, n_pending=10**7) | {"active_ms": str(10**12)}, id="past every calendar"
        ),
    ],
)
def test_there_is_no_estimate_while(fields: dict[str, str]) -> None:
    assert made(fields).progress.eta_at is None


def test_a_clock_of_the_store_that_was_set_back_takes_no_time_away() -> None:
    assert made(running(n_pending=5), now_ms=T0 - 5000).progress.seconds["active"] == 1.0


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 10**13))
def test_no_speed_however_low_breaks_the_report(done: int, left: int, active_ms: int) -> None:
    fields = job(total=done + left, n_activated=done, n_pending=left, active_ms=active_ms)
    progress = made(fields).progress
    assert 0.0 <= progress.percent <= 100.0
    if progress.eta_at is not None:
        last = timestamp(T0 + 1000 * LONGEST_ETA)
        assert last is not None
        assert progress.eta_at <= last


# --- the parts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (None, None),
        (0, "1970-01-01T00:00:00.000Z"),
        (T0, "2026-11-23T22:00:00.000Z"),
        (T0 + 7, "2026-11-23T22:00:00.007Z"),
        (T0 + 999.9, "2026-11-23T22:00:00.999Z"),
        (1999.9999, "1970-01-01T00:00:01.999Z"),
    ],
)
def test_a_moment_is_written_in_utc_with_milliseconds(ms: float | None, text: str | None) -> None:
    assert timestamp(ms) == text


@given(st.integers(0, 4_000_000_000_000), st.floats(0, 0.999999))
def test_a_fraction_of_a_millisecond_changes_nothing(ms: int, fraction: float) -> None:
    if int(ms + fraction) == ms:
        assert timestamp(ms + fraction) == timestamp(ms)


COUNTS = st.fixed_dictionaries({f"n_{outcome}": st.integers(0, 10**7) for outcome in COUNTED})


@given(COUNTS, st.integers(-3, 3))
def test_a_report_balances_exactly_when_the_counters_sum_to_the_total(
    counts: dict[str, int], off: int
) -> None:
    fields = {name: str(value) for name, value in ({"total": sum(counts.values()) + off} | counts).items()}
    assert balances(counts_of(fields)) == (off == 0)


def test_counts_hold_exactly_the_keys_of_the_interface() -> None:
    assert list(counts_of({})) == [
        "total",
        "pending",
        "ambiguous",
        "activated",
        "already_active",
        "failed",
        "not_attempted",
        "unknown",
    ]


def test_only_numbers_are_statuses() -> None:
    fields = job(r_200=3, r_429=1, r_ms_in_flight=7, r_ok=3, r_total="x")
    del fields["r_total"]
    assert made(fields).requests["by_status"] == {"200": 3, "429": 1}


def change(**more: Any) -> str:
    entry = {"at": T0, "from": "running", "to": "paused", "code": "user", "message": "why", "actor": "me"}
    return json.dumps(entry | more)


def test_the_history_lists_the_changes_of_state() -> None:
    history = [
        change(**{"from": "queued", "to": "running", "code": "", "message": "", "actor": ""}),
        change(),
    ]
    report = made(job(), history=history)
    assert json.loads(msgspec.json.encode(report.history)) == [
        {
            "at": "2026-11-23T22:00:00.000Z",
            "from": "queued",
            "to": "running",
            "code": None,
            "message": None,
            "actor": None,
        },
        {
            "at": "2026-11-23T22:00:00.000Z",
            "from": "running",
            "to": "paused",
            "code": "user",
            "message": "why",
            "actor": "me",
        },
    ]


def test_a_change_without_a_moment_has_an_empty_one() -> None:
    assert made(job(), history=[change(at=None)]).history[0].at == ""


def test_the_failures_and_the_rate_are_passed_on() -> None:
    group = FailureGroup("GONE", "gone", 3, 200, ["a"])
    report = make_report(job(), [], [group], RATE, T0)
    assert (report.failures, report.rate) == ([group], RATE)
