"""The circuit breaker: what opens it, how it finds the way back, and whose a failure was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.made import all_well
from worker.core.answers.verdict import (
    Faulty,
    Intercepted,
    JobFault,
    Rejected,
    Throttled,
    Unauthorized,
    Unreached,
    Verdict,
)
from worker.core.job import ReasonCode
from worker.core.reason import Reason
from worker.core.retrying.breaker import (
    FEW,
    FIRST_WAIT,
    LONG,
    LONGEST_SILENCE,
    LONGEST_WAIT,
    MANY,
    STALE,
    Breaker,
    BreakerState,
    is_away,
)


def why(status: int, name: str = "SOME_NAME") -> Reason:
    return Reason(name, "", status)


@pytest.mark.parametrize(
    ("verdict", "away"),
    [
        pytest.param(Unreached(why(0)), True, id="no connection"),
        pytest.param(Faulty(why(0, "TIMED_OUT")), True, id="no answer in time"),
        pytest.param(Faulty(why(0, "CONNECTION_RESET")), True, id="a reset"),
        pytest.param(Faulty(why(500)), True, id="500"),
        pytest.param(Faulty(why(503)), True, id="503"),
        pytest.param(Faulty(why(200)), True, id="an unreadable 200"),
        pytest.param(Faulty(why(0, "ANSWER_TOO_LARGE")), True, id="too long an answer"),
        pytest.param(Faulty(why(0, "BAD_ANSWER")), True, id="what is no HTTP"),
        pytest.param(Intercepted(why(403)), True, id="403 as text"),
        pytest.param(Throttled(None), False, id="429"),
        pytest.param(Unauthorized(why(401)), False, id="401"),
        pytest.param(JobFault(ReasonCode.ORGANIZATION_FORBIDDEN, why(403)), False, id="403"),
        pytest.param(Rejected(why(400)), False, id="400"),
        pytest.param(all_well(1), False, id="200"),
    ],
)
def test_what_says_that_the_api_is_away(verdict: Verdict, away: bool) -> None:
    assert is_away(verdict) == away


def fail(
    breaker: Breaker, now: float = 0.0, *, breaker_probe: bool = False, ids_at_fault: bool = False
) -> int:
    return breaker.record_failure(now, "HTTP 503", breaker_probe=breaker_probe, ids_at_fault=ids_at_fault)


def opened(now: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(MANY):
        fail(breaker, now)
    return breaker


def test_a_run_of_failures_opens_it() -> None:
    breaker = Breaker()
    for _ in range(MANY - 1):
        fail(breaker)
        assert breaker.admits(0.0)
    fail(breaker)
    assert (breaker.state, breaker.admits(0.0)) == (BreakerState.OPEN, False)
    assert breaker.problem == "HTTP 503"


def test_a_few_failures_over_a_long_time_open_it_too() -> None:
    breaker = Breaker()
    for _ in range(FEW):
        fail(breaker, LONG - 0.01 if breaker.problem else 0.0)
    assert breaker.admits(LONG)
    fail(breaker, LONG)
    assert not breaker.admits(LONG)


def test_a_good_answer_ends_the_streak() -> None:
    breaker = Breaker()
    for _ in range(5):
        for _ in range(MANY - 1):
            fail(breaker)
        breaker.record_success(0.0)
    assert breaker.state is BreakerState.CLOSED


def test_open_it_lets_one_probe_out_when_its_time_is_over() -> None:
    breaker = opened()
    assert not breaker.admits(FIRST_WAIT - 0.01)
    assert breaker.wait(0.25) == FIRST_WAIT - 0.25
    assert breaker.admits(FIRST_WAIT)
    assert breaker.state is BreakerState.HALF_OPEN
    assert not breaker.admits(FIRST_WAIT + 100)
    assert breaker.wait(FIRST_WAIT) == LONGEST_WAIT


def test_a_probe_that_fails_waits_twice_as_long_up_to_a_bound() -> None:
    breaker, now, waits = opened(), 0.0, []
    for _ in range(7):
        waits.append(breaker.wait(now))
        now += waits[-1]
        assert breaker.admits(now)
        fail(breaker, now, breaker_probe=True)
        assert breaker.state is BreakerState.OPEN
    assert waits == [1.0, 2.0, 4.0, 8.0, LONGEST_WAIT, LONGEST_WAIT, LONGEST_WAIT]


def test_a_probe_that_succeeds_closes_it_and_the_waits_begin_anew() -> None:
    breaker = opened()
    assert breaker.admits(5.0)
    breaker.record_success(0.0)
    assert breaker.state is BreakerState.CLOSED
    for _ in range(MANY):
        fail(breaker, 9.0)
    assert breaker.wait(9.0) == FIRST_WAIT


def test_a_late_failure_of_what_was_sent_before_does_not_undo_the_probe() -> None:
    breaker = opened()
    assert breaker.admits(FIRST_WAIT)
    fail(breaker, FIRST_WAIT)
    assert breaker.state is BreakerState.HALF_OPEN


def test_a_probe_that_was_not_sent_leaves_the_next_one_its_place() -> None:
    breaker = opened()
    assert breaker.admits(FIRST_WAIT)
    breaker.withdraw_probe(FIRST_WAIT)
    assert breaker.admits(FIRST_WAIT)


def test_a_failure_is_charged_once_a_good_answer_shows_that_the_api_was_there() -> None:
    breaker = Breaker()
    numbers = [fail(breaker) for _ in range(3)]
    assert [breaker.is_chargeable(number) for number in numbers] == [None] * 3
    breaker.record_success(0.0)
    assert [breaker.is_chargeable(number) for number in numbers] == [True] * 3


def test_an_outage_is_charged_to_nobody_from_its_first_failure_to_its_last() -> None:
    breaker = Breaker()
    before = fail(breaker)
    breaker.record_success(0.0)
    during = [fail(breaker) for _ in range(MANY + 3)]
    assert {breaker.is_chargeable(number) for number in during} == {False}
    assert breaker.admits(100.0)
    during.append(fail(breaker, 100.0, breaker_probe=True))
    breaker.record_success(0.0)
    after = fail(breaker)
    breaker.record_success(0.0)
    assert {breaker.is_chargeable(number) for number in during} == {False}
    assert (breaker.is_chargeable(before), breaker.is_chargeable(after)) == (True, True)


def test_an_id_that_spoils_its_requests_while_others_are_served_is_no_outage_and_is_charged() -> None:
    breaker = Breaker()
    assert not breaker.has_succeeded_since(None)
    successes_at_failure = breaker.successes
    assert not breaker.has_succeeded_since(successes_at_failure)
    breaker.record_success(0.0)
    assert breaker.has_succeeded_since(successes_at_failure)
    numbers = [fail(breaker, at, ids_at_fault=True) for at in range(50)]
    assert breaker.state is BreakerState.CLOSED
    assert {breaker.is_chargeable(number) for number in numbers} == {True}


def test_what_is_explained_does_not_hide_a_run_that_is_not() -> None:
    breaker = Breaker()
    numbers = [fail(breaker, ids_at_fault=at % 2 == 1) for at in range(2 * MANY - 1)]
    assert breaker.state is BreakerState.OPEN
    assert {breaker.is_chargeable(number) for number in numbers} == {False}


def test_a_failure_that_asks_to_be_left_alone_opens_it_for_so_long() -> None:
    breaker = Breaker()
    breaker.record_failure(1.0, "HTTP 503", breaker_probe=False, ids_at_fault=False, asked=30.0)
    assert (breaker.state, breaker.wait(1.0)) == (BreakerState.OPEN, 30.0)
    assert not breaker.admits(30.9)
    assert breaker.admits(31.0)
    breaker.record_failure(31.0, "HTTP 503", breaker_probe=True, ids_at_fault=False, asked=30.0)
    assert breaker.wait(31.0) == 30.0


def test_what_an_id_at_fault_asks_for_holds_nobody_up() -> None:
    breaker = Breaker()
    breaker.record_failure(1.0, "HTTP 503", breaker_probe=False, ids_at_fault=True, asked=30.0)
    assert breaker.state is BreakerState.CLOSED


def test_a_run_that_neither_grows_nor_ends_is_forgiven() -> None:
    breaker = Breaker()
    breaker.record_success(0.0)
    lost = [fail(breaker, 1.0), fail(breaker, 1.0)]
    fail(breaker, 2.0, ids_at_fault=True)
    assert breaker.is_chargeable(lost[0]) is None
    theirs = fail(breaker, 2.0 + STALE, ids_at_fault=True)
    assert [breaker.is_chargeable(number) for number in (*lost, theirs)] == [False, False, True]


def test_after_an_hour_what_fails_by_itself_keeps_it_open_no_more() -> None:
    breaker = Breaker()
    breaker.record_success(0.0)
    for _ in range(MANY):
        fail(breaker, 1.0)
    assert breaker.admits(LONGEST_SILENCE - 1)
    fail(breaker, LONGEST_SILENCE - 1, breaker_probe=True, ids_at_fault=True)
    assert breaker.admits(LONGEST_SILENCE + 20)
    number = fail(breaker, LONGEST_SILENCE + 20, breaker_probe=True, ids_at_fault=True)
    assert (breaker.state, breaker.is_chargeable(number)) == (BreakerState.CLOSED, True)


@given(st.lists(st.sampled_from(["ok", "fail", "explained", "late"]), max_size=300))
def test_every_failure_is_judged_once_and_a_closed_breaker_sends(events: list[str]) -> None:
    breaker, now, numbers = Breaker(), 0.0, []
    verdicts: dict[int, bool] = {}
    for event in events:
        now += 0.1 if event != "late" else LONGEST_WAIT
        admitted = breaker.admits(now)
        assert admitted or breaker.state is not BreakerState.CLOSED
        breaker_probe = breaker.state is BreakerState.HALF_OPEN and admitted
        if event == "ok":
            breaker.record_success(0.0)
        else:
            numbers.append(fail(breaker, now, breaker_probe=breaker_probe, ids_at_fault=event == "explained"))
        for number in numbers[-60:]:
            verdict = breaker.is_chargeable(number)
            if verdict is not None:
                assert verdicts.setdefault(number, verdict) == verdict
    breaker.record_success(0.0)
    assert all(breaker.is_chargeable(number) is not None for number in numbers)
