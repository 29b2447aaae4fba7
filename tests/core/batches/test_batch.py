import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.made import IDS, a_batch
from worker.core.batches.batch import MAX_BATCH, Batch


@pytest.mark.parametrize(
    "ids",
    [pytest.param((), id="none"), pytest.param(tuple(map(str, range(16))), id="sixteen")],
)
def test_a_batch_holds_1_to_15_ids(ids: tuple[str, ...]) -> None:
    with pytest.raises(AssertionError):
        Batch(ids, tuple(range(len(ids))), (False,) * len(ids), (0,) * len(ids))


@pytest.mark.parametrize(
    ("indices", "ambiguous", "attempts"),
    [
        ((0,), (False, False), (0, 0)),
        ((0, 1), (False,), (0, 0)),
        ((0, 1), (False, False), (0,)),
        ((0, 1, 2), (False, False), (0, 0)),
    ],
)
def test_ids_indices_doubts_and_attempts_run_in_step(
    indices: tuple[int, ...], ambiguous: tuple[bool, ...], attempts: tuple[int, ...]
) -> None:
    with pytest.raises(AssertionError):
        Batch(IDS[:2], indices, ambiguous, attempts)


def test_a_charge_ends_every_row_of_what_is_charged_to_nobody() -> None:
    batch = a_batch(2, attempts=1, unreached=3, renewals=1)
    assert batch.with_charges() == a_batch(2, attempts=2)


def test_each_uncharged_step_counts_itself_alone() -> None:
    batch = a_batch(2, attempts=1)
    assert batch.with_unreached() == a_batch(2, attempts=1, unreached=1)
    assert batch.with_renewal() == a_batch(2, attempts=1, renewals=1)


def test_a_lost_batch_is_in_doubt_as_a_whole() -> None:
    assert a_batch(3, ambiguous=[1]).as_ambiguous() == a_batch(3, ambiguous=[0, 1, 2])


@given(st.integers(2, MAX_BATCH), st.sets(st.integers(0, 14)))
def test_halves_are_the_whole_in_order_and_neither_is_empty(size: int, doubts: set[int]) -> None:
    batch = a_batch(size, ambiguous=sorted(doubts), attempts=2)
    first, second = batch.halves()
    assert first.ids + second.ids == batch.ids
    assert first.indices + second.indices == batch.indices
    assert first.ambiguous + second.ambiguous == batch.ambiguous
    assert 0 <= len(first.ids) - len(second.ids) <= 1
    assert first.attempts + second.attempts == batch.attempts
    singles = batch.singles()
    assert [single.ids for single in singles] == [(name,) for name in batch.ids]


def test_a_conflict_is_counted_and_what_follows_is_no_probe_any_more() -> None:
    assert a_batch(2, split_probe=True, unreached=1).with_conflict() == a_batch(2, conflicts=1)


def test_what_an_answer_proved_harmless_keeps_its_attempts_and_doubts_alone() -> None:
    batch = a_batch(
        3, attempts=[1, 2, 3], ambiguous=[2], errors=2, isolated=True, split_probe=True, pending_charges=(1,)
    )
    assert batch.cleared([1, 2]) == Batch(IDS[1:3], (1, 2), (False, True), (2, 3))
