"""What follows from a fault that may be an id's."""

from typing import Any, cast

import pytest

from tests.core.made import IDS, a_batch
from worker.core.answer import Faulty, Rejected
from worker.core.batch import Settlement
from worker.core.policy import (
    Policy,
    Retry,
    Settle,
    Split,
    decide,
)
from worker.core.reason import Reason

POLICY = Policy(max_attempts=5)
SPENT = 4
"""Attempts charged before the last that is allowed."""
BAD = Reason("HTTP_503", "later", 503)
NO = Reason("HTTP_400", "no", 400)


def test_a_rejected_batch_is_split_in_halves_and_nobody_is_charged() -> None:
    step = decide(POLICY, Rejected(NO), a_batch(attempts=1, ambiguous=[0, 14]), 0.0)
    assert isinstance(step, Split)
    first, second = step.parts
    assert (first.indices, second.indices) == (tuple(range(8)), tuple(range(8, 15)))
    assert first.ids + second.ids == IDS
    assert (first.ambiguous[0], second.ambiguous[-1], sum(first.ambiguous + second.ambiguous)) == (
        True,
        True,
        2,
    )
    assert first.attempts == second.attempts == 1


@pytest.mark.parametrize(
    ("sent_before", "code"),
    [
        pytest.param(False, "F", id="it failed"),
        pytest.param(True, "U", id="unless a lost answer may have activated it"),
    ],
)
def test_an_id_rejected_alone_is_settled(sent_before: bool, code: str) -> None:
    batch = a_batch(1, ambiguous=[0] if sent_before else [])
    step = decide(POLICY, Rejected(NO), batch, 0.0)
    assert step == Settle(Settlement(batch.charged(), code, 400, ((0, NO),)))


def test_a_fault_leaves_every_id_in_doubt_and_is_tried_again() -> None:
    step = decide(POLICY, Faulty(BAD), a_batch(2), 0.0)
    lost = a_batch(2, ambiguous=[0, 1], attempts=1)
    assert step == Retry(lost, 0.5, Settlement(lost, "??", 503))


def test_a_fault_at_the_last_attempt_leaves_every_id_unknown() -> None:
    step = decide(POLICY, Faulty(BAD), a_batch(2, attempts=SPENT), 0.0)
    spent = a_batch(2, ambiguous=[0, 1], attempts=5)
    assert step == Settle(Settlement(spent, "UU", 503, ((0, BAD), (1, BAD))))


def test_the_schedule_of_retries_attempt_by_attempt() -> None:
    batch, waits = a_batch(), []
    while isinstance(step := decide(Policy(max_attempts=9), Faulty(BAD), batch, 0.0), Retry):
        batch = step.batch
        waits.append(step.delay)
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 20.0, 20.0]
    assert isinstance(step, Settle)
    assert step.settlement.batch.attempts == 9


def test_jitter_makes_a_wait_longer_by_half_at_most() -> None:
    step = decide(POLICY, Faulty(BAD), a_batch(), 0.999)
    assert isinstance(step, Retry)
    assert 0.5 < step.delay < 0.75


def test_one_attempt_alone_leaves_no_second() -> None:
    assert isinstance(decide(Policy(max_attempts=1), Faulty(BAD), a_batch(), 0.0), Settle)


def test_what_is_no_verdict_is_refused_loudly() -> None:
    with pytest.raises(AssertionError):
        decide(POLICY, cast("Any", "503"), a_batch(), 0.0)
