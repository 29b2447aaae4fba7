"""What follows from an answer that says nothing about an id, or stops the whole job."""

import pytest

from tests.core.made import a_batch
from worker.core.answers.trust import TokenAction
from worker.core.answers.verdict import Faulty, Intercepted, JobFault, Throttled, Unauthorized, Unreached
from worker.core.job import ReasonCode
from worker.core.reason import Reason
from worker.core.retrying.action import Halt, Hold, Renew, Retry, Settle, Split
from worker.core.retrying.policy import MAX_FORBIDDEN, MAX_INTERCEPTED, MAX_RENEWALS, Policy, decide

POLICY = Policy(max_attempts=5)
SPENT = 4
"""Attempts charged before the last that is allowed."""
BAD = Reason("HTTP_503", "later", 503)
NO = Reason("HTTP_400", "no", 400)


@pytest.mark.parametrize("asked", [7.0, 0.0, None])
def test_a_429_is_charged_to_nobody(asked: float | None) -> None:
    batch = a_batch(attempts=SPENT)
    assert decide(POLICY, Throttled(asked), batch, 0.5) == Hold(batch, asked)


@pytest.mark.parametrize(
    ("unreached", "delay"), [(0, 0.5), (1, 1.0), (2, 2.0), (3, 4.0), (4, 5.0), (5, 5.0), (10**6, 5.0)]
)
def test_an_api_that_cannot_be_reached_is_tried_for_ever_and_charged_to_nobody(
    unreached: int, delay: float
) -> None:
    batch = a_batch(attempts=SPENT, unreached=unreached)
    step = decide(POLICY, Unreached(BAD), batch, 0.0)
    assert step == Retry(a_batch(attempts=SPENT, unreached=unreached + 1), delay, went_out=False)


def test_an_id_that_was_never_sent_is_not_in_doubt() -> None:
    step = decide(POLICY, Unreached(BAD), a_batch(3, ambiguous=[1]), 0.0)
    assert isinstance(step, Retry)
    assert step.batch.ambiguous == (False, True, False)
    assert step.settlement is None


def test_a_401_to_a_token_in_place_of_which_there_is_another_is_replayed_at_once_and_uncharged() -> None:
    step = decide(POLICY, Unauthorized(BAD, TokenAction.RENEW), a_batch(attempts=2), 0.0)
    assert step == Renew(a_batch(attempts=2, renewals=1), BAD)


@pytest.mark.parametrize(
    ("renewals", "delay"), [(0, 0.25), (1, 0.5), (2, 1.0), (3, 2.0), (4, 4.0), (5, 5.0), (29, 5.0)]
)
def test_a_401_to_a_token_that_may_be_good_is_tried_again_later_and_uncharged(
    renewals: int, delay: float
) -> None:
    step = decide(
        POLICY, Unauthorized(BAD, TokenAction.REPEAT), a_batch(attempts=SPENT, renewals=renewals), 0.0
    )
    assert step == Retry(a_batch(attempts=SPENT, renewals=renewals + 1), delay)


def test_a_token_that_is_given_up_halts_the_job() -> None:
    step = decide(POLICY, Unauthorized(BAD, TokenAction.GIVE_UP), a_batch(), 0.0)
    assert isinstance(step, Halt)
    assert (step.code, step.reason.status) == (ReasonCode.CREDENTIAL_REJECTED, BAD.status)
    assert "later" in step.reason.message
    assert "then resume" in step.reason.message


@pytest.mark.parametrize("token_action", [TokenAction.RENEW, TokenAction.REPEAT])
def test_a_batch_that_alone_gets_401s_halts_the_job_in_the_end(token_action: TokenAction) -> None:
    step = decide(POLICY, Unauthorized(BAD, token_action), a_batch(renewals=MAX_RENEWALS), 0.0)
    assert isinstance(step, Halt)
    assert step.code is ReasonCode.CREDENTIAL_REJECTED


@pytest.mark.parametrize(
    ("between", "halts"),
    [
        pytest.param(Throttled(None), True, id="a 429 between the two does not count"),
        pytest.param(Unreached(BAD), True, id="nor does an API out of reach"),
        pytest.param(Faulty(BAD), False, id="an answer past the check of the token begins anew"),
    ],
)
def test_what_makes_another_401_one_in_a_row(between: Throttled | Unreached | Faulty, halts: bool) -> None:
    step = decide(POLICY, between, a_batch(renewals=MAX_RENEWALS), 0.0)
    assert isinstance(step, Hold | Retry)
    again = decide(POLICY, Unauthorized(BAD), step.batch, 0.0)
    assert isinstance(again, Halt if halts else Renew)


@pytest.mark.parametrize("code", [ReasonCode.ORGANIZATION_FORBIDDEN, ReasonCode.ORGANIZATION_NOT_FOUND])
def test_a_refused_organization_halts_the_job_at_the_first_answer(code: ReasonCode) -> None:
    assert decide(POLICY, JobFault(code, NO), a_batch(), 0.0) == Halt(code, NO)


def test_a_refusal_that_is_not_believed_waits_some_seconds_uncharged() -> None:
    fault = JobFault(ReasonCode.ORGANIZATION_FORBIDDEN, NO)
    step = decide(POLICY, fault, a_batch(attempts=SPENT, ambiguous=[1]), 0.0, confirmed=False)
    assert step == Retry(a_batch(attempts=SPENT, ambiguous=[1], forbidden=1), 3.0)


def test_a_refusal_of_the_same_ids_again_and_again_is_theirs() -> None:
    fault = JobFault(ReasonCode.ORGANIZATION_FORBIDDEN, NO)
    step = decide(POLICY, fault, a_batch(forbidden=MAX_FORBIDDEN - 1), 0.0, confirmed=False)
    assert step == Split(a_batch(forbidden=MAX_FORBIDDEN), NO)
    alone = decide(POLICY, fault, a_batch(1, forbidden=MAX_FORBIDDEN), 0.0, confirmed=False)
    assert isinstance(alone, Settle)
    assert alone.settlement.codes == "F"


@pytest.mark.parametrize("ids_at_fault", [False, True])
def test_what_something_else_answers_is_charged_to_nobody(ids_at_fault: bool) -> None:
    step = decide(
        POLICY, Intercepted(NO), a_batch(attempts=SPENT, ambiguous=[1]), 0.0, ids_at_fault=ids_at_fault
    )
    again = a_batch(attempts=SPENT, ambiguous=[1], unreached=1, intercepted=int(ids_at_fault))
    assert step == Retry(again, 0.5)


def test_what_is_never_let_through_is_taken_apart_and_ends_unknown() -> None:
    met = MAX_INTERCEPTED - 1
    assert isinstance(decide(POLICY, Intercepted(NO), a_batch(intercepted=met), 0.0), Split)
    assert isinstance(
        decide(POLICY, Intercepted(NO), a_batch(intercepted=met), 0.0, ids_at_fault=False), Retry
    )
    alone = decide(POLICY, Intercepted(NO), a_batch(1, intercepted=met), 0.0)
    assert isinstance(alone, Settle)
    assert alone.settlement.codes == "U"


def test_a_401_that_is_not_the_apis_renews_the_token_once_and_never_halts() -> None:
    text = Intercepted(Reason("NOT_THE_API", "text", 401))
    step = decide(POLICY, text, a_batch(), 0.0)
    assert step == Renew(a_batch(renewals=1), text.reason)
    for _ in range(9):
        step = decide(POLICY, text, step.batch, 0.0)
        assert isinstance(step, Retry)
