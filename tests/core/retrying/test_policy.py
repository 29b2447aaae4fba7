"""What follows from a readable 200, row by row."""

import pytest

from tests.core.made import IDS, a_batch, all_well, refused
from worker.core.answers.reconcile import Plain, Reconciled
from worker.core.batches.batch import Settlement
from worker.core.reason import RESOLVED_ACTIVE, Reason
from worker.core.retrying.action import Retry, Settle
from worker.core.retrying.policy import Policy, decide

POLICY = Policy(max_attempts=5)
SPENT = 4
"""Attempts charged before the last that is allowed."""
GONE = refused("Token has expired")
ACTIVE = refused("Token is already active")
YES, BOTH = Plain.SUCCESS, Plain.CONTRADICTION


def test_a_batch_activated_whole_is_settled_without_a_reason() -> None:
    step = decide(POLICY, all_well(15), a_batch(), 0.0)
    assert step == Settle(Settlement(a_batch(attempts=1), "A" * 15, 200))


def test_each_id_that_the_answer_names_is_settled_with_its_reason() -> None:
    step = decide(POLICY, Reconciled((YES, GONE, ACTIVE)), a_batch(3), 0.0)
    assert step == Settle(Settlement(a_batch(3, attempts=1), "AFa", 200, ((1, GONE), (2, ACTIVE))))


def test_a_missing_id_is_sent_again_alone_and_the_others_are_settled_meanwhile() -> None:
    step = decide(POLICY, Reconciled((YES, None, GONE)), a_batch(3, unreached=1, renewals=1), 0.0)
    assert isinstance(step, Retry)
    assert step.settlement == Settlement(a_batch(3, attempts=1), "A?F", 200, ((2, GONE),))
    assert (step.batch.ids, step.batch.indices, step.batch.ambiguous) == ((IDS[1],), (1,), (True,))
    assert (step.batch.attempts, step.delay) == ((1,), 0.5)


def test_a_missing_id_is_unknown_once_the_attempts_are_spent() -> None:
    step = decide(POLICY, Reconciled((YES, None)), a_batch(2, attempts=SPENT), 0.0)
    assert isinstance(step, Settle)
    assert step.settlement.codes == "AU"
    assert [(position, reason.name) for position, reason in step.settlement.reasons] == [
        (1, "MISSING_FROM_ANSWER")
    ]


def test_a_contradictory_id_is_unknown_and_sent_no_more() -> None:
    step = decide(POLICY, Reconciled((BOTH, YES)), a_batch(2), 0.0)
    assert isinstance(step, Settle)
    assert step.settlement.codes == "UA"
    assert [(position, reason.name) for position, reason in step.settlement.reasons] == [
        (0, "CONTRADICTORY_ANSWER")
    ]


def test_a_contradictory_id_is_not_among_those_sent_again() -> None:
    step = decide(POLICY, Reconciled((BOTH, None)), a_batch(2), 0.0)
    assert isinstance(step, Retry)
    assert step.batch.ids == (IDS[1],)
    assert step.settlement is not None
    assert step.settlement.codes == "U?"


@pytest.mark.parametrize(
    ("sent_before", "code", "reason"),
    [
        pytest.param(False, "a", ACTIVE, id="at the first clean try someone else had activated it"),
        pytest.param(True, "A", RESOLVED_ACTIVE, id="after a lost answer it was this job"),
    ],
)
def test_already_active_is_judged_by_whether_the_id_was_sent_before(
    sent_before: bool, code: str, reason: Reason
) -> None:
    batch = a_batch(2, ambiguous=[1] if sent_before else [])
    step = decide(POLICY, Reconciled((YES, ACTIVE)), batch, 0.0)
    assert step == Settle(Settlement(batch.with_charges(), "A" + code, 200, ((1, reason),)))


@pytest.mark.parametrize("sent_before", [False, True])
def test_any_other_refusal_in_a_readable_200_is_final_at_once(sent_before: bool) -> None:
    batch = a_batch(1, ambiguous=[0] if sent_before else [])
    assert decide(POLICY, Reconciled((GONE,)), batch, 0.0) == Settle(
        Settlement(batch.with_charges(), "F", 200, ((0, GONE),))
    )


def test_an_id_whose_answer_was_lost_and_is_now_a_success_is_activated() -> None:
    batch = a_batch(1, ambiguous=[0])
    assert decide(POLICY, all_well(1), batch, 0.0) == Settle(Settlement(batch.with_charges(), "A", 200))
