import json

import msgspec
import pytest

from tests.core.stored import T0, job, made
from worker.core.job import AT_REST, State
from worker.core.outcome import COUNTED
from worker.core.reporting.schema import Manifest, StateReason


def test_a_job_being_prepared_has_a_report_already() -> None:
    report = made(job(State.PREPARING))
    assert json.loads(msgspec.json.encode(report)) == {
        "schema_version": 1,
        "job_id": "J",
        "request_id": None,
        "parent_job_id": None,
        "root_job_id": None,
        "org_id": "O",
        "api_url": None,
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
            "request_ids": {},
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
                "waiting_for_place": 0.0,
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


def test_ambiguous_ids_do_not_count_as_done() -> None:
    report = made(job(total=8, n_activated=2, n_ambiguous=1, n_pending=5))
    assert report.progress.percent == 25.0
    assert report.settled() == 2


def test_ids_given_up_without_a_request_do_not_count_as_speed() -> None:
    fields = job(State.CANCELLED, total=100, n_activated=10, n_not_attempted=90, active_ms=1000)
    assert made(fields).progress.ids_per_second == 10.0
