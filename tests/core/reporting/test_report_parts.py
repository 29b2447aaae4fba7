"""The parts of which a report is made."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.stored import RATE, T0, job, made
from worker.core.outcome import COUNTED
from worker.core.reporting.report import balances, counts_of, make_report
from worker.core.reporting.schema import FailureGroup
from worker.core.timestamp import timestamp


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
    group = FailureGroup("GONE", "gone", 3, 200, ["a"], retryable=False)
    report = make_report(job(), [], [group], RATE, T0)
    assert (report.failures, report.rate) == ([group], RATE)
