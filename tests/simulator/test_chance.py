"""Chance: the same for the same seed, spread evenly, independent of everything else."""

from hypothesis import given
from hypothesis import strategies as st

from worker.simulator.chance import Dice


@given(st.integers(), st.text(), st.text())
def test_a_roll_is_the_same_each_time_and_below_one(seed: int, purpose: str, subject: str) -> None:
    roll = Dice(seed).roll(purpose, subject)
    assert 0 <= roll < 1
    assert Dice(seed).roll(purpose, subject) == roll


def test_rolls_do_not_depend_on_rolls_before() -> None:
    fresh, used = Dice(1), Dice(1)
    used.roll("other", "id")
    assert used.roll("fate", "id") == fresh.roll("fate", "id")


def test_seed_purpose_and_subject_each_change_the_roll() -> None:
    rolls = {
        Dice(seed).roll(purpose, subject) for seed in (1, 2) for purpose in "ab" for subject in ("x", "y")
    }
    assert len(rolls) == 8


def test_rolls_are_spread_evenly() -> None:
    dice = Dice(0)
    tenths = [0] * 10
    for number in range(10_000):
        tenths[int(10 * dice.roll("fate", str(number)))] += 1
    assert all(900 < count < 1100 for count in tenths)


def test_a_pick_reaches_every_place() -> None:
    dice = Dice(0)
    assert {dice.pick("place", str(number), 4) for number in range(100)} == {0, 1, 2, 3}
