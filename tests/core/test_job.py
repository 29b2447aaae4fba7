import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.job import (
    ALLOWED_FROM,
    AT_REST,
    IN_FORCE,
    UNFINISHED_REST,
    WORKABLE,
    Control,
    JobOutcome,
    State,
    exit_code,
    job_outcome,
)

CHANGES, NOTHING, ILLEGAL = "changes", "nothing to do", "illegal"

TABLE = {
    # state:            pause    resume   cancel   fail
    State.PREPARING: (ILLEGAL, ILLEGAL, ILLEGAL, ILLEGAL),
    State.QUEUED: (CHANGES, NOTHING, CHANGES, CHANGES),
    State.RUNNING: (CHANGES, NOTHING, CHANGES, CHANGES),
    State.PAUSED: (NOTHING, CHANGES, CHANGES, CHANGES),
    State.CANCELLING: (ILLEGAL, ILLEGAL, NOTHING, ILLEGAL),
    State.COMPLETED: (ILLEGAL, ILLEGAL, ILLEGAL, ILLEGAL),
    State.CANCELLED: (ILLEGAL, ILLEGAL, NOTHING, ILLEGAL),
    State.FAILED: (ILLEGAL, ILLEGAL, ILLEGAL, NOTHING),
    State.EXPIRED: (ILLEGAL, ILLEGAL, ILLEGAL, ILLEGAL),
}


def effect(control: Control, state: State) -> str:
    if state in IN_FORCE[control]:
        return NOTHING
    return CHANGES if state in ALLOWED_FROM[control] else ILLEGAL


@pytest.mark.parametrize("state", State)
def test_what_each_control_does_in_each_state(state: State) -> None:
    assert tuple(effect(control, state) for control in Control) == TABLE[state]


@pytest.mark.parametrize("control", Control)
def test_every_control_stands_in_both_tables_and_no_state_in_both(control: Control) -> None:
    assert not ALLOWED_FROM[control] & IN_FORCE[control]


def test_the_tables_hold_controls_and_nothing_else() -> None:
    assert set(ALLOWED_FROM) == set(IN_FORCE) == set(Control)


@pytest.mark.parametrize("control", Control)
def test_no_control_brings_a_job_at_rest_back(control: Control) -> None:
    assert not ALLOWED_FROM[control] & AT_REST


def test_a_job_is_worked_on_only_while_it_neither_rests_nor_is_stopped() -> None:
    assert {State.QUEUED, State.RUNNING} == WORKABLE
    assert not WORKABLE & (AT_REST | UNFINISHED_REST)


@pytest.mark.parametrize(
    ("state", "unsuccessful", "code"),
    [
        (State.COMPLETED, 0, 0),
        (State.COMPLETED, 1, 3),
        *((state, count, 4) for state in sorted(UNFINISHED_REST) for count in (0, 7)),
    ],
)
def test_the_exit_code_of_a_watch(state: State, unsuccessful: int, code: int) -> None:
    assert exit_code(state, unsuccessful) == code


def test_every_state_at_rest_but_completed_is_unfinished() -> None:
    assert AT_REST - {State.COMPLETED} | {State.PAUSED} == UNFINISHED_REST


@pytest.mark.parametrize(
    ("total", "succeeded", "outcome"),
    [
        (0, 0, JobOutcome.NOTHING_TO_DO),
        (3, 3, JobOutcome.ALL_SUCCEEDED),
        (3, 2, JobOutcome.PARTIALLY_SUCCEEDED),
        (3, 0, JobOutcome.NONE_SUCCEEDED),
    ],
)
def test_the_verdict_on_a_job(total: int, succeeded: int, outcome: JobOutcome) -> None:
    assert job_outcome(total, succeeded) is outcome


@given(st.integers(1, 10**7), st.data())
def test_a_job_of_some_ids_always_has_something_to_say(total: int, data: st.DataObject) -> None:
    succeeded = data.draw(st.integers(0, total))
    assert (job_outcome(total, succeeded) is JobOutcome.ALL_SUCCEEDED) == (succeeded == total)
    assert (job_outcome(total, succeeded) is JobOutcome.NONE_SUCCEEDED) == (succeeded == 0)
