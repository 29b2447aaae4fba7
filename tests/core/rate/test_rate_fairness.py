"""Which slices a worker process begins in place of others."""

from collections import Counter

import pytest

from worker.core.rate.fairness import PATIENCE_MS, Standing, Turn, turns

LONG = 10 * PATIENCE_MS


def waits(claimed: int, slice_no: int = 0, *, waiting: int = 1, ms: int = LONG) -> Standing:
    return Standing(waiting, claimed, slice_no, ms)


BIG = waits(4, 4, waiting=8)


@pytest.mark.parametrize(
    ("mine", "jobs", "found"),
    [
        ([], {}, []),
        ([], {"new": waits(0)}, []),
        (["big"] * 4, {"big": BIG}, []),
        (["big"] * 4, {"big": BIG, "small": waits(0, 7)}, [Turn("big", "small", 7)]),
        (["big"] * 4, {"big": BIG, "small": waits(0, ms=PATIENCE_MS - 1)}, []),
        (["big"] * 4, {"big": BIG, "small": waits(0, waiting=0)}, []),
        (["big"] * 2, {"big": waits(2), "small": waits(2)}, []),
        (["big"] * 2, {"big": waits(2), "small": waits(1)}, []),
        (["big"] * 3, {"big": waits(3), "small": waits(1, 5)}, [Turn("big", "small", 5)]),
        (["big", "other"], {"big": waits(7), "other": waits(1, 2)}, [Turn("big", "other", 2)]),
        (["small"], {"small": waits(1), "big": waits(7)}, []),
        (["one", "two"], {"one": waits(1), "two": waits(1), "new": waits(0)}, [Turn("one", "new", 0)]),
        (["two", "one"], {"one": waits(1), "two": waits(1), "new": waits(0)}, [Turn("two", "new", 0)]),
        (["gone"], {"new": waits(0)}, [Turn("gone", "new", 0)]),
        (
            ["big"] * 4,
            {"big": BIG, **{name: waits(0, ms=LONG + int(name)) for name in "123456"}},
            [Turn("big", "6", 0), Turn("big", "5", 0), Turn("big", "4", 0), Turn("big", "3", 0)],
        ),
    ],
    ids=[
        "idle",
        "nothing to give",
        "alone",
        "a new one",
        "just queued",
        "nothing waits",
        "even",
        "as even as can be",
        "uneven",
        "two of mine",
        "only the smaller is mine",
        "in turn",
        "in turn, the first begun",
        "unknown",
        "many new ones, who waited longest first, and one of them in turn",
    ],
)
def test_turns(mine: list[str], jobs: dict[str, Standing], found: list[Turn]) -> None:
    assert turns(mine, jobs) == found


def shared(places: int, jobs: int, looks: int) -> Counter[str]:
    """How many places each job has had, summed over looks. All have slices without end; the first began."""
    names = [f"job{number}" for number in range(jobs)]
    at_work = [names[0]] * places
    since = dict.fromkeys(names, 0)
    had: Counter[str] = Counter()
    for look in range(1, looks + 1):
        standings = {name: waits(at_work.count(name), ms=LONG * (look - since[name])) for name in names}
        for turn in turns(at_work, standings):
            at_work.remove(turn.giver)
            at_work.append(turn.taker)
            since[turn.taker] = since[turn.giver] = look
        had.update(at_work)
    return had


@pytest.mark.parametrize("jobs", [1, 2, 3, 4, 5, 9, 40])
@pytest.mark.parametrize("places", [1, 4, 8])
def test_in_the_long_run_all_jobs_have_had_as_many_places(places: int, jobs: int) -> None:
    looks = 1000
    had = shared(places, jobs, looks)
    even = places * looks / jobs
    assert sum(had.values()) == places * looks
    # Where places cannot be halved, one job has one more than another.
    most = max(even, looks * -(-places // jobs))
    assert len(had) == jobs
    assert 0.9 * min(even, looks * max(1, places // jobs)) <= min(had.values())
    assert max(had.values()) <= 1.1 * most
