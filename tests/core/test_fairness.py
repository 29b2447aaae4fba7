"""Which slices a worker process begins in place of others."""

from collections import Counter

import pytest

from worker.core.fairness import STARVED_AFTER_MS, SliceCounts, Yield, slices_to_yield

LONG = 10 * STARVED_AFTER_MS


def waits(claimed: int, slice_no: int = 0, *, waiting: int = 1, ms: int = LONG) -> SliceCounts:
    return SliceCounts(waiting, claimed, slice_no, ms)


BIG = waits(4, 4, waiting=8)


@pytest.mark.parametrize(
    ("mine", "jobs", "found"),
    [
        ([], {}, []),
        ([], {"new": waits(0)}, []),
        (["big"] * 4, {"big": BIG}, []),
        (["big"] * 4, {"big": BIG, "small": waits(0, 7)}, [Yield("big", "small", 7)]),
        (["big"] * 4, {"big": BIG, "small": waits(0, ms=STARVED_AFTER_MS - 1)}, []),
        (["big"] * 4, {"big": BIG, "small": waits(0, waiting=0)}, []),
        (["big"] * 2, {"big": waits(2), "small": waits(2)}, []),
        (["big"] * 2, {"big": waits(2), "small": waits(1)}, []),
        (["big"] * 3, {"big": waits(3), "small": waits(1, 5)}, [Yield("big", "small", 5)]),
        (["big", "other"], {"big": waits(7), "other": waits(1, 2)}, [Yield("big", "other", 2)]),
        (["small"], {"small": waits(1), "big": waits(7)}, []),
        (["one", "two"], {"one": waits(1), "two": waits(1), "new": waits(0)}, [Yield("one", "new", 0)]),
        (["two", "one"], {"one": waits(1), "two": waits(1), "new": waits(0)}, [Yield("two", "new", 0)]),
        (["gone"], {"new": waits(0)}, [Yield("gone", "new", 0)]),
        (
            ["big"] * 4,
            {"big": BIG, **{name: waits(0, ms=LONG + int(name)) for name in "123456"}},
            [Yield("big", "6", 0), Yield("big", "5", 0), Yield("big", "4", 0), Yield("big", "3", 0)],
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
def test_turns(mine: list[str], jobs: dict[str, SliceCounts], found: list[Yield]) -> None:
    assert slices_to_yield(mine, jobs) == found


def shared(places: int, jobs: int, looks: int) -> Counter[str]:
    """How many places each job has had, summed over looks. All have slices without end; the first began."""
    names = [f"job{number}" for number in range(jobs)]
    at_work = [names[0]] * places
    since = dict.fromkeys(names, 0)
    had: Counter[str] = Counter()
    for look in range(1, looks + 1):
        standings = {name: waits(at_work.count(name), ms=LONG * (look - since[name])) for name in names}
        for turn in slices_to_yield(at_work, standings):
            at_work.remove(turn.from_job)
            at_work.append(turn.to_job)
            since[turn.to_job] = since[turn.from_job] = look
        had.update(at_work)
    return had


@pytest.mark.lengthy
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
