"""What to do about a refused access token, as a table of what happened to it."""

import random
from itertools import pairwise

import pytest

from worker.core.answers.trust import MAX_UNSERVED, TokenAction, TokenTrust

RENEW, AGAIN, GIVE_UP = TokenAction.RENEW, TokenAction.REPEAT, TokenAction.GIVE_UP

Told = list[tuple[float, str]]
"""(second, what happened): `got` a new token, `served` a request, `ready` token from the settings, 401."""


def live(told: Told) -> list[TokenAction]:
    """What each refusal leads to; a token is renewed the moment it is said so."""
    trust = TokenTrust()
    then = []
    for at, event in told:
        match event:
            case "got":
                trust.record_grant(at)
            case "ready":
                trust = TokenTrust(renewable=False)
            case "served":
                trust.mark_accepted()
            case _:
                then.append(trust.mark_rejected(at, 0.0))
                if then[-1] is RENEW:
                    trust.record_grant(at)
    return then


@pytest.mark.parametrize(
    ("told", "then"),
    [
        pytest.param([(0, "got"), (1, "401"), (2, "401"), (3, "served")], [AGAIN, AGAIN], id="nodes-late"),
        pytest.param([(0, "got"), (1, "served"), (2, "401"), (2.1, "served")], [RENEW], id="revoked"),
        pytest.param([(0, "got"), (70, "401"), (70.1, "served")], [RENEW], id="old"),
        pytest.param(
            [(0, "got"), (1, "served"), (2, "401"), (3, "served"), (4, "401"), (5, "served"), (6, "401")],
            [RENEW, AGAIN, AGAIN],
            id="half-of-the-nodes",
        ),
        pytest.param(
            [(0, "got"), (1, "served"), (2, "401"), (3, "served"), *((20 + n / 3, "401") for n in range(8))],
            [RENEW, *[AGAIN] * 7, RENEW],
            id="ends-earlier-than-it-says",
        ),
        pytest.param(
            [(0, "got"), (1, "served"), (2, "401"), (3, "served"), (400, "401")], [RENEW, RENEW], id="calm"
        ),
        pytest.param(
            [(0, "got"), (1, "401"), (30, "401"), (60.9, "401"), (61, "401")],
            [AGAIN, AGAIN, AGAIN, GIVE_UP],
            id="never-good",
        ),
        pytest.param(
            [(0, "got"), (100, "401"), (101, "401"), (159, "401"), (160, "401")],
            [RENEW, AGAIN, AGAIN, GIVE_UP],
            id="old-and-its-successor-never-good",
        ),
        pytest.param(
            [(0, "got"), (1, "401"), (3600, "got"), (3601, "401")], [AGAIN, AGAIN], id="nobody-asked-between"
        ),
        pytest.param(
            [(0, "got"), *((t, "401") for t in range(1, 62)), (62, "got"), (63, "401")],
            [AGAIN] * 60 + [GIVE_UP, AGAIN],
            id="resumed-after-a-person-was-asked",
        ),
        pytest.param([(0, "ready"), (1, "401"), (2, "401"), (3, "401")], [AGAIN, AGAIN, GIVE_UP], id="ready"),
        pytest.param(
            [(0, "ready"), (1, "served"), (9, "401"), (60, "401"), (69, "401")],
            [AGAIN, AGAIN, GIVE_UP],
            id="ready-and-served-others",
        ),
    ],
)
def test_a_refusal_leads_to(told: Told, then: list[TokenAction]) -> None:
    assert live(told) == then


def test_while_no_request_is_accepted_they_go_out_one_at_a_time_ever_more_rarely() -> None:
    trust, now, tries = TokenTrust(), 0.0, []
    trust.record_grant(now)
    while trust.mark_rejected(now, 0.5) is not GIVE_UP:
        for _ in range(31):
            # The other requests that were in flight.
            assert trust.mark_rejected(now, 0.5) is AGAIN
        now += trust.seconds_to_wait(now)
        assert trust.seconds_to_wait(now) == 0
        trust.record_sent(now)
        assert trust.seconds_to_wait(now) > 0
        tries.append(now)
        now += 0.05
    gaps = [later - earlier for earlier, later in pairwise(tries)]
    assert gaps == pytest.approx(sorted(gaps))
    assert len(tries) < 30
    assert tries[-1] >= MAX_UNSERVED - 5


def test_without_a_word_of_the_api_no_person_is_asked_and_the_token_is_renewed_once_a_minute() -> None:
    trust, told = TokenTrust(), []
    trust.record_grant(0.0)
    for second in range(600):
        told.append(trust.mark_rejected(float(second), 0.0, by_api=False))
        if told[-1] is RENEW:
            trust.record_grant(float(second))
    assert GIVE_UP not in told
    assert 5 <= told.count(RENEW) <= 10


def test_while_other_requests_are_accepted_none_waits() -> None:
    trust = TokenTrust()
    trust.record_grant(0.0)
    assert trust.mark_rejected(1.0, 0.0) is AGAIN
    assert trust.seconds_to_wait(1.0) > 0
    trust.mark_accepted()
    assert trust.seconds_to_wait(1.0) == 0
    trust.record_sent(1.0)
    assert trust.seconds_to_wait(1.0) == 0


@pytest.mark.parametrize("per_second", [1, 10, 100])
def test_half_of_the_nodes_cost_few_exchanges_little_time_and_no_person(per_second: int) -> None:
    trust, renewals, now, waited = TokenTrust(), 0, 0.0, 0.0
    trust.record_grant(now)
    chance = random.Random(7)
    for _ in range(20_000):
        now += 1 / per_second
        wait = trust.seconds_to_wait(now)
        now, waited = now + wait, waited + wait
        trust.record_sent(now)
        if chance.random() < 0.5:
            trust.mark_accepted()
            continue
        then = trust.mark_rejected(now, 0.5)
        assert then is not GIVE_UP
        if then is RENEW:
            renewals += 1
            trust.record_grant(now)
    assert renewals <= 2 + now / 100
    assert waited < 0.3 * now
