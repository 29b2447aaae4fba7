"""The decision table, row by row."""

import re
from typing import Any, cast

import pytest

from tests.core.made import IDS, a_batch, all_well, refused
from worker.core.answer import Faulty, JobFault, Rejected, Throttled, Unauthorized, Unreached
from worker.core.batch import Settlement
from worker.core.job import ReasonCode
from worker.core.policy import (
    DEFAULT_ALREADY_ACTIVE,
    Halt,
    Hold,
    Policy,
    Renew,
    Retry,
    Settle,
    Split,
    compile_already_active,
    decide,
)
from worker.core.reason import RESOLVED_ACTIVE, Reason
from worker.core.reconcile import Plain, Reconciled

POLICY = Policy(max_attempts=5)
SPENT = 4
"""Attempts charged before the last that is allowed."""
BAD = Reason("HTTP_503", "later", 503)
NO = Reason("HTTP_400", "no", 400)
GONE = refused("Token has expired")
ACTIVE = refused("Token is already active")
YES, BOTH = Plain.SUCCESS, Plain.CONTRADICTION


# --- a readable 200 ---------------------------------------------------------------------------------------


def test_a_batch_activated_whole_is_settled_without_a_reason() -> None:
    step = decide(POLICY, all_well(15), a_batch(), 0.0)
    assert step == Settle(Settlement(a_batch(attempts=1), "A" * 15, 200))


def test_each_id_that_the_answer_names_is_settled_with_its_reason() -> None:
    step = decide(POLICY, Reconciled((YES, GONE, ACTIVE)), a_batch(3), 0.0)
    assert step == Settle(Settlement(a_batch(3, attempts=1), "AFa", 200, ((1, GONE), (2, ACTIVE))))


def test_a_missing_id_is_sent_again_alone_and_the_others_are_settled_meanwhile() -> None:
    step = decide(
        POLICY, Reconciled((YES, None, GONE)), a_batch(3, throttles=2, unreached=1, renewals=1), 0.0
    )
    assert isinstance(step, Retry)
    assert step.settlement == Settlement(a_batch(3, attempts=1), "A?F", 200, ((2, GONE),))
    assert (step.batch.ids, step.batch.indices, step.batch.ambiguous) == ((IDS[1],), (1,), (True,))
    assert (step.batch.attempts, step.delay) == (1, 0.5)


def test_a_missing_id_is_unknown_once_the_attempts_are_spent() -> None:
    step = decide(POLICY, Reconciled((YES, None)), a_batch(2, attempts=SPENT), 0.0)
    assert isinstance(step, Settle)
    assert step.settlement.codes == "AU"
    assert [(place, reason.name) for place, reason in step.settlement.reasons] == [(1, "MISSING_FROM_ANSWER")]


def test_a_contradictory_id_is_unknown_and_sent_no_more() -> None:
    step = decide(POLICY, Reconciled((BOTH, YES)), a_batch(2), 0.0)
    assert isinstance(step, Settle)
    assert step.settlement.codes == "UA"
    assert [(place, reason.name) for place, reason in step.settlement.reasons] == [
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
    assert step == Settle(Settlement(batch.charged(), "A" + code, 200, ((1, reason),)))


@pytest.mark.parametrize("sent_before", [False, True])
def test_any_other_refusal_in_a_readable_200_is_final_at_once(sent_before: bool) -> None:
    batch = a_batch(1, ambiguous=[0] if sent_before else [])
    assert decide(POLICY, Reconciled((GONE,)), batch, 0.0) == Settle(
        Settlement(batch.charged(), "F", 200, ((0, GONE),))
    )


def test_an_id_whose_answer_was_lost_and_is_now_a_success_is_activated() -> None:
    batch = a_batch(1, ambiguous=[0])
    assert decide(POLICY, all_well(1), batch, 0.0) == Settle(Settlement(batch.charged(), "A", 200))


# --- what says nothing about an id ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "throttles", "roll", "seconds"),
    [
        pytest.param(7.0, 0, 0.0, 7.0, id="as long as it asks"),
        pytest.param(7.0, 3, 0.0, 7.0, id="however often it was asked"),
        pytest.param(7.0, 0, 0.5, 7.05, id="a little is added for a fleet"),
        pytest.param(0.0, 0, 0.5, 0.05, id="zero asks for nothing"),
        pytest.param(None, 0, 0.0, 1.0, id="the first silent 429: a second"),
        pytest.param(None, 1, 0.0, 2.0, id="the second: two"),
        pytest.param(None, 5, 0.0, 32.0, id="the sixth: 32"),
        pytest.param(None, 6, 0.0, 60.0, id="from the seventh on: a minute"),
        pytest.param(None, 10**6, 0.0, 60.0, id="however many"),
        pytest.param(None, 0, 0.5, 1.25, id="with jitter"),
    ],
)
def test_a_429_holds_and_is_charged_to_nobody(
    asked: float | None, throttles: int, roll: float, seconds: float
) -> None:
    batch = a_batch(attempts=3, throttles=throttles)
    step = decide(POLICY, Throttled(asked), batch, roll)
    assert isinstance(step, Hold)
    assert step.batch == a_batch(attempts=3, throttles=throttles + 1)
    assert step.seconds == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("unreached", "delay"), [(0, 0.5), (1, 1.0), (2, 2.0), (3, 4.0), (4, 5.0), (5, 5.0), (10**6, 5.0)]
)
def test_an_api_that_cannot_be_reached_is_tried_for_ever_and_charged_to_nobody(
    unreached: int, delay: float
) -> None:
    batch = a_batch(attempts=SPENT, unreached=unreached)
    step = decide(POLICY, Unreached(BAD), batch, 0.0)
    assert step == Retry(a_batch(attempts=SPENT, unreached=unreached + 1), delay)


def test_an_id_that_was_never_sent_is_not_in_doubt() -> None:
    step = decide(POLICY, Unreached(BAD), a_batch(3, ambiguous=[1]), 0.0)
    assert isinstance(step, Retry)
    assert step.batch.ambiguous == (False, True, False)
    assert step.settlement is None


# --- faults of the job ------------------------------------------------------------------------------------


def test_a_401_renews_the_token_once_and_is_charged_to_nobody() -> None:
    step = decide(POLICY, Unauthorized(BAD), a_batch(attempts=2), 0.0)
    assert step == Renew(a_batch(attempts=2, renewals=1), BAD)


def test_a_401_to_the_renewed_token_halts_the_job() -> None:
    renewed = decide(POLICY, Unauthorized(BAD), a_batch(), 0.0)
    assert isinstance(renewed, Renew)
    assert decide(POLICY, Unauthorized(BAD), renewed.batch, 0.0) == Halt(ReasonCode.CREDENTIAL_REJECTED, BAD)


@pytest.mark.parametrize(
    ("between", "halts"),
    [
        pytest.param(Throttled(None), True, id="a 429 between the two does not count"),
        pytest.param(Unreached(BAD), True, id="nor does an API out of reach"),
        pytest.param(Faulty(BAD), False, id="an answer past the check of the token begins anew"),
    ],
)
def test_what_makes_a_second_401_one_in_a_row(between: Throttled | Unreached | Faulty, halts: bool) -> None:
    step = decide(POLICY, between, a_batch(renewals=1), 0.0)
    assert isinstance(step, Hold | Retry)
    again = decide(POLICY, Unauthorized(BAD), step.batch, 0.0)
    assert isinstance(again, Halt if halts else Renew)


@pytest.mark.parametrize("code", [ReasonCode.ORGANIZATION_FORBIDDEN, ReasonCode.ORGANIZATION_NOT_FOUND])
def test_a_refused_organization_halts_the_job_at_the_first_answer(code: ReasonCode) -> None:
    assert decide(POLICY, JobFault(code, NO), a_batch(), 0.0) == Halt(code, NO)


# --- faults of an id --------------------------------------------------------------------------------------


def test_a_rejected_batch_is_split_in_halves_with_the_attempts_of_the_whole() -> None:
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
    assert first.attempts == second.attempts == 2


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


# --- 'already active' -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        "Token is already active",
        "Already activated",
        "ALREADY ACTIVE",
        "The token has already been activated.",
        "already been enabled",
        "token already  enabled",
        "This token is active",
    ],
)
def test_these_say_that_a_token_is_active_already(message: str) -> None:
    assert Policy().already_active.search(message)


@pytest.mark.parametrize(
    "message",
    [
        pytest.param("Token is not already active", id="a denial"),
        pytest.param("Token isn't already active", id="a denial, contracted"),
        pytest.param("It has not already been activated", id="a denial in the perfect"),
        pytest.param("already", id="the word alone"),
        pytest.param("A request is already in progress", id="something else already"),
        pytest.param("already deactivated", id="the opposite"),
        pytest.param("already inactive", id="the opposite, as an adjective"),
        pytest.param("Token has already expired", id="expired"),
        pytest.param("already activating", id="under way"),
        pytest.param("token is inactive", id="inactive"),
        pytest.param("", id="nothing"),
    ],
)
def test_these_do_not(message: str) -> None:
    assert not Policy().already_active.search(message)


def test_patterns_of_ones_own_replace_the_list() -> None:
    pattern = compile_already_active(["schon aktiv", "ya está|déjà"])
    assert pattern.search("Token SCHON AKTIV!")
    assert pattern.search("déjà activé")
    assert not pattern.search("already active")


def test_no_pattern_matches_nothing() -> None:
    assert not compile_already_active([]).search("already active")


@pytest.mark.parametrize("pattern", ["(", "*", "(?<!a+)b"])
def test_a_broken_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(re.error):
        compile_already_active([*DEFAULT_ALREADY_ACTIVE, pattern])
