"""What follows from a fault that may be an id's."""

from typing import Any, cast

import pytest

from tests.core.made import a_batch
from worker.core.answers.reconcile import Plain, Reconciled
from worker.core.answers.verdict import Faulty, Rejected
from worker.core.batches.batch import Batch, Settlement
from worker.core.reason import Reason
from worker.core.retrying.action import Retry, Settle, Split
from worker.core.retrying.charging import is_charged_at_once, split_exhausted
from worker.core.retrying.policy import Policy, decide

POLICY = Policy(max_attempts=5)
SPENT = 4
"""Attempts charged before the last that is allowed."""
BAD = Reason("HTTP_503", "later", 503)
NO = Reason("HTTP_400", "no", 400)
GARBLED = Reason("UNREADABLE_ANSWER", "", 200)


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_a_rejected_batch_is_split_and_nobody_is_charged(status: int) -> None:
    no = Reason(f"HTTP_{status}", "no", status)
    batch = a_batch(attempts=1, ambiguous=[0, 14], pending_charges=(7,))
    step = decide(POLICY, Rejected(no), batch, 0.0)
    assert step == Split(a_batch(attempts=1, ambiguous=[0, 14]), no)
    assert not is_charged_at_once(Rejected(no), step, batch)


def test_a_409_may_be_our_own_twin_and_is_tried_once_more() -> None:
    clash = Reason("HTTP_409", "clash", 409)
    step = decide(POLICY, Rejected(clash), a_batch(), 0.0)
    assert step == Retry(a_batch(conflicts=1), 0.5)
    assert not is_charged_at_once(Rejected(clash), step, a_batch())
    assert decide(POLICY, Rejected(clash), a_batch(conflicts=1), 0.0) == Split(a_batch(conflicts=1), clash)


def test_an_id_rejected_alone_fails() -> None:
    batch = a_batch(1)
    step = decide(POLICY, Rejected(NO), batch, 0.0)
    assert step == Settle(Settlement(batch.with_charges().with_refusal(), "F", 400, ((0, NO),)))
    assert is_charged_at_once(Rejected(NO), step, batch)


def test_an_id_rejected_alone_that_may_be_active_is_tried_three_times() -> None:
    batch, waits = a_batch(1, ambiguous=[0], attempts=1), []
    while isinstance(step := decide(POLICY, Rejected(NO), batch, 0.0), Retry):
        assert step.settlement is not None
        assert step.settlement.codes == "?"
        batch = step.batch
        waits.append(step.delay)
    assert waits == [1.0, 2.0]
    assert isinstance(step, Settle)
    assert (step.settlement.codes, step.settlement.batch.attempts) == ("U", (4,))


def test_an_id_rejected_alone_that_may_be_active_is_not_tried_past_its_attempts() -> None:
    step = decide(POLICY, Rejected(NO), a_batch(1, ambiguous=[0], attempts=SPENT), 0.0)
    assert step == Settle(Settlement(a_batch(1, ambiguous=[0], attempts=5, refusals=1), "U", 400, ((0, NO),)))


def test_a_fault_leaves_every_id_in_doubt_and_is_tried_again_charged_once_it_was_no_outage() -> None:
    step = decide(POLICY, Faulty(BAD), a_batch(2), 0.0)
    lost = a_batch(2, ambiguous=[0, 1], errors=1)
    assert step == Retry(lost, 0.5, Settlement(lost, "??", 503), BAD)
    assert not is_charged_at_once(Faulty(BAD), step, a_batch(2))


def test_an_unreadable_answer_is_as_a_5xx() -> None:
    step = decide(POLICY, Faulty(GARBLED), a_batch(2), 0.0)
    lost = a_batch(2, ambiguous=[0, 1], errors=1)
    assert step == Retry(lost, 0.5, Settlement(lost, "??", 200), GARBLED)
    assert isinstance(decide(POLICY, Faulty(GARBLED), lost, 0.0), Split)


@pytest.mark.parametrize("reason", [BAD, GARBLED])
def test_what_may_be_an_outages_splits_nothing_however_often(reason: Reason) -> None:
    batch = a_batch()
    for met in range(1, 20):
        step = decide(POLICY, Faulty(reason), batch, 0.0, ids_at_fault=False)
        assert isinstance(step, Retry)
        batch = step.batch
        assert (batch.errors, batch.unattributed_errors, batch.attempts) == (0, met, (0,) * 15)


def test_a_batch_waits_as_long_as_a_503_asks() -> None:
    step = decide(POLICY, Faulty(BAD, asked=40.0), a_batch(), 0.0)
    assert isinstance(step, Retry)
    assert step.delay == 40.0


def test_a_second_5xx_to_the_same_ids_splits_them() -> None:
    batch = a_batch(2, ambiguous=[0, 1], errors=1, pending_charges=(4,), attempts=1)
    step = decide(POLICY, Faulty(BAD), batch, 0.0)
    known = a_batch(2, ambiguous=[0, 1], errors=2, pending_charges=(4,), attempts=1)
    assert step == Split(
        a_batch(2, ambiguous=[0, 1], errors=2, attempts=1), BAD, Settlement(known, "??", 503)
    )
    assert not is_charged_at_once(Faulty(BAD), step, batch)


def test_a_second_5xx_to_an_id_alone_is_tried_again() -> None:
    step = decide(POLICY, Faulty(BAD), a_batch(1, ambiguous=[0], errors=1), 0.0)
    assert isinstance(step, Retry)


def test_what_is_charged_when_a_batch_goes_again() -> None:
    batch = a_batch(3, ambiguous=[0, 1, 2], attempts=[4, 5, 0])
    spent, left = split_exhausted(POLICY.max_attempts, batch, BAD)
    assert spent == Settlement(batch.part([1]), "U", 503, ((0, BAD),))
    assert left == batch.part([0, 2])
    assert split_exhausted(POLICY.max_attempts, a_batch(2, attempts=4), BAD) == (None, a_batch(2, attempts=4))


def test_an_attempt_that_is_still_owed_is_none_yet() -> None:
    batch = a_batch(2, ambiguous=[0, 1], attempts=[4, 1], pending_charges=(9,))
    assert split_exhausted(POLICY.max_attempts, batch, BAD) == (None, batch)
    assert split_exhausted(POLICY.max_attempts, a_batch(1, attempts=5), BAD)[1] is None


def test_a_probe_of_several_ids_charges_none_of_them() -> None:
    batch = a_batch(2, split_probe=True, attempts=1)
    answer = Reconciled((Plain.SUCCESS, None))
    step = decide(POLICY, answer, batch, 0.0)
    assert isinstance(step, Retry)
    assert not is_charged_at_once(answer, step, batch)
    assert step.settlement is not None
    # The record counts the request that settled the first.
    assert step.settlement.batch.attempts == (2, 1)
    assert step.batch == a_batch(2, ambiguous=[0, 1], attempts=1).part([1])


def test_the_schedule_of_retries_attempt_by_attempt() -> None:
    policy, left, waits = Policy(max_attempts=9), cast("Batch | None", a_batch(1)), []
    while left is not None:
        step = decide(policy, Faulty(GARBLED), left, 0.0)
        assert isinstance(step, Retry)
        waits.append(step.delay)
        spent, left = split_exhausted(policy.max_attempts, step.batch.with_charges(), GARBLED)
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 20.0, 20.0, 20.0]
    assert spent is not None
    assert (spent.codes, spent.batch.attempts) == ("U", (9,))


def test_jitter_makes_a_wait_longer_by_half_at_most() -> None:
    step = decide(POLICY, Faulty(BAD), a_batch(), 0.999)
    assert isinstance(step, Retry)
    assert 0.5 < step.delay < 0.75


def test_one_attempt_alone_leaves_no_second() -> None:
    assert split_exhausted(1, a_batch(attempts=1), BAD)[1] is None


def test_what_is_no_verdict_is_refused_loudly() -> None:
    with pytest.raises(AssertionError):
        decide(POLICY, cast("Any", "503"), a_batch(), 0.0)
