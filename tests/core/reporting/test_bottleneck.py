import pytest

from worker.core.reporting.bottleneck import FAULTS, HELD, MIN_SECONDS, RATE, SLOW, WORKERS, bottleneck

NAMES = ("waiting_for_rate", "held_by_429", "waiting_for_place", "in_flight", "backing_off")


def told(
    stood: dict[str, float],
    *,
    active: float = 10.0,
    sent: int = 500,
    throttled: int = 0,
    allowed: float | None = 50.0,
) -> str | None:
    """`stood`: batches that stood there on average."""
    seconds = {"active": active} | {name: active * stood.get(name, 0.0) for name in NAMES}
    return bottleneck(seconds, sent=sent, throttled=throttled, allowed=allowed)


@pytest.mark.parametrize(
    ("stood", "sentence"),
    [
        # As measured, a worker with CONCURRENCY=32: at 50 requests/s, the answers at once or after 300 ms.
        ({"waiting_for_rate": 3.82, "in_flight": 0.1}, RATE),
        ({"waiting_for_rate": 3.66, "in_flight": 14.4}, RATE),
        # The answers after 500 ms, the rate out of reach.
        ({"waiting_for_rate": 6.73, "in_flight": 29.6, "waiting_for_place": 80.8}, SLOW),
        ({"held_by_429": 3.0, "waiting_for_rate": 2.0}, HELD),
        ({"backing_off": 9.0, "in_flight": 2.0, "waiting_for_rate": 1.0}, FAULTS),
        ({"in_flight": 4.0, "waiting_for_rate": 0.3}, SLOW),
        ({"in_flight": 0.4, "waiting_for_rate": 0.3, "held_by_429": 0.4}, WORKERS),
        ({}, WORKERS),
    ],
    ids=["rate", "rate, far away", "places", "held", "faults", "in flight", "little", "nothing"],
)
def test_the_longest_wait_says_what_would_help(stood: dict[str, float], sentence: str) -> None:
    assert told(stood) == sentence


@pytest.mark.parametrize(
    ("active", "says"), [(MIN_SECONDS - 0.001, False), (MIN_SECONDS, True), (0.0, False)]
)
def test_a_job_that_hardly_ran_has_no_sentence(active: float, says: bool) -> None:
    assert (told({}, active=active, sent=0) is not None) == says


def test_a_rate_that_is_not_used_is_not_the_limit() -> None:
    """As measured: one worker that does 800 requests/s of 20,000 waits for its slots all the same."""
    stood = {"waiting_for_rate": 78.9, "waiting_for_place": 9.7, "in_flight": 8.5}
    sentence = told(stood, sent=8000, allowed=20_000.0)
    assert sentence is not None
    assert sentence.startswith("800 of the 20000 requests/s")
    assert sentence.endswith("if no other job runs, add some")


@pytest.mark.parametrize(("allowed", "is_limit"), [(50.0, True), (71.0, True), (72.0, False), (None, True)])
def test_how_much_of_the_rate_is_used_decides(allowed: float | None, is_limit: bool) -> None:
    assert (told({"waiting_for_rate": 4.0}, allowed=allowed) == RATE) == is_limit


def test_the_speed_does_not_matter_where_429s_hold_it() -> None:
    assert told({"held_by_429": 4.0, "waiting_for_rate": 3.0}, sent=10) == HELD


@pytest.mark.parametrize(("throttled", "sentence"), [(0, WORKERS), (24, WORKERS), (25, HELD), (400, HELD)])
def test_many_429s_are_the_limit_wherever_the_time_went(throttled: int, sentence: str) -> None:
    """In long holds the slices are given back, and nothing waits."""
    assert told({}, throttled=throttled) == sentence


def test_a_job_that_sent_nothing_is_not_held() -> None:
    assert told({}, sent=0) == WORKERS
