"""The table of faults, and what each does to the lists."""

from collections import Counter

import msgspec
import pytest

from worker.simulator.faults import FAULTS, NO_FAULT, Faults
from worker.simulator.lists import (
    Distortion,
    Failure,
    Lists,
    Result,
    honest,
    intruders,
    no_empty_list,
    null_entries,
    objects,
    odd_messages,
    one_in_both,
    one_missing,
    one_twice,
    other_letters,
)

BAD = Failure("c", "Token not found")


@pytest.mark.parametrize(
    ("chance", "expected"),
    [(0.0, "error"), (0.49, "error"), (0.5, "lose"), (0.74, "lose"), (0.75, "none"), (0.99, "none")],
)
def test_each_fault_has_its_share_of_the_requests(chance: float, expected: str) -> None:
    assert Faults({"error": 0.5, "lose": 0.25}).roll(chance).name == expected


def test_without_fractions_nothing_goes_wrong() -> None:
    assert Faults({}).roll(0.0) is NO_FAULT


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fraction_of_one_strikes_always(fault: object) -> None:
    name = getattr(fault, "name", "")
    assert {Faults({name: 1.0}).roll(chance).name for chance in (0.0, 0.5, 0.999999)} == {name}


def test_names_are_unique() -> None:
    assert set(Counter(fault.name for fault in FAULTS).values()) == {1}


@pytest.mark.parametrize(
    ("distortion", "result", "chance", "expected"),
    [
        (honest, Result(["a", "b"], [BAD]), 0.9, Lists(["a", "b"], [BAD])),
        (one_missing, Result(["a", "b"], [BAD]), 0.0, Lists(["b"], [BAD])),
        (one_missing, Result(["a", "b"], [BAD]), 0.9, Lists(["a"], [BAD])),
        (one_missing, Result([], [BAD]), 0.9, Lists([], [BAD])),
        (
            one_in_both,
            Result(["a", "b"], [BAD]),
            0.9,
            Lists(["a", "b"], [BAD, Failure("b", "Token could not be activated")]),
        ),
        (one_in_both, Result([], [BAD]), 0.9, Lists(["c"], [BAD])),
        (one_twice, Result(["a", "b"], [BAD]), 0.9, Lists(["a", "b", "b"], [BAD])),
        (one_twice, Result([], [BAD]), 0.9, Lists([], [BAD, BAD])),
        (
            intruders,
            Result(["a"], [BAD]),
            0.5,
            Lists(["a", "never-sent-0.500000"], [BAD, Failure("never-sent", "Token not found")]),
        ),
        (odd_messages, Result(["a"], [BAD]), 0.0, Lists(["a"], [{"id": "c", "message": 404}])),
        (odd_messages, Result(["a"], [BAD]), 0.6, Lists(["a"], [{"id": "c", "message": None}])),
        (objects, Result(["a"], [BAD]), 0.0, Lists([{"id": "a"}], [BAD])),
        (
            null_entries,
            Result(["a"], [BAD]),
            0.0,
            Lists([None, "a"], [BAD, {"message": "of nobody"}, None]),
        ),
        (other_letters, Result(["a"], [BAD]), 0.0, Lists(["A"], [Failure("C", "Token not found")])),
        (other_letters, Result(["a"], []), 0.9, Lists([" a\n"], [])),
        (no_empty_list, Result(["a"], []), 0.0, Lists(["a"], None)),
        (no_empty_list, Result([], [BAD]), 0.9, Lists(msgspec.UNSET, [BAD])),
        (no_empty_list, Result(["a"], [BAD]), 0.9, Lists(["a"], [BAD])),
    ],
)
def test_lists_are_distorted(distortion: Distortion, result: Result, chance: float, expected: Lists) -> None:
    assert distortion(result, chance) == expected


def test_a_distortion_leaves_what_was_done_as_it_was() -> None:
    result = Result(["a", "b"], [BAD])
    for fault in FAULTS:
        fault.distort(result, 0.5)
    assert result == Result(["a", "b"], [BAD])
