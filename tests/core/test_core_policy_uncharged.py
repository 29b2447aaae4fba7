"""What follows from an answer that says nothing about an id, or stops the whole job."""

import pytest

from tests.core.made import a_batch
from worker.core.answer import Faulty, JobFault, Throttled, Unauthorized, Unreached
from worker.core.job import ReasonCode
from worker.core.policy import Policy, decide
from worker.core.reason import Reason
from worker.core.step import Halt, Hold, Renew, Retry

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
    assert step == Retry(a_batch(attempts=SPENT, unreached=unreached + 1), delay)


def test_an_id_that_was_never_sent_is_not_in_doubt() -> None:
    step = decide(POLICY, Unreached(BAD), a_batch(3, ambiguous=[1]), 0.0)
    assert isinstance(step, Retry)
    assert step.batch.ambiguous == (False, True, False)
    assert step.settlement is None


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
