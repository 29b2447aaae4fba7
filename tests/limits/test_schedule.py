import pytest

from tests.limits.limiters import SlidingLog, TokenBucket
from tests.limits.schedule import Schedule, Scheduled

STEPS = Schedule.parse("200:20,20:15,200:36")


def test_reads_and_shows_steps() -> None:
    assert Schedule(((200, 20), (20, 15), (200, 36))) == STEPS
    assert str(STEPS) == "200:20,20:15,200:36"
    assert STEPS.seconds == 71


@pytest.mark.parametrize("text", ["", "200", "200:", "0:5", "200:20,", "200:20:3", "-1:2"])
def test_refuses_what_is_no_schedule(text: str) -> None:
    with pytest.raises(ValueError, match="found"):
        Schedule.parse(text)


@pytest.mark.parametrize(
    ("elapsed", "rate", "allowed"),
    [(0, 200, 0), (19.5, 200, 3900), (20, 20, 4000), (35, 200, 4300), (71, 200, 11_500), (100, 200, 17_300)],
)
def test_tells_the_rate_and_what_it_let_through_till_then(
    elapsed: float, rate: float, allowed: float
) -> None:
    assert STEPS.rate_at(elapsed) == rate
    assert STEPS.allowed(elapsed) == allowed


def test_counts_from_the_first_request_on_whatever_the_clock_says() -> None:
    limiter = Scheduled(SlidingLog(1, 1), Schedule.parse("10:2,3:2"))
    admitted = [limiter.admit(5000 + number / 20) == 0 for number in range(100)]
    assert [sum(admitted[start : start + 20]) for start in range(0, 100, 20)] == [10, 10, 3, 3, 3]


def test_a_rate_set_by_hand_ends_the_schedule() -> None:
    limiter = Scheduled(TokenBucket(10), Schedule.parse("10:1,99:1"))
    limiter.admit(0)
    limiter.rate = 4
    limiter.admit(1.5)
    assert limiter.rate == 4
