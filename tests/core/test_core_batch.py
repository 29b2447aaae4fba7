import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.made import IDS, a_batch
from worker.core.batch import MAX_BATCH, Batch, cut


@pytest.mark.parametrize(
    "ids",
    [pytest.param((), id="none"), pytest.param(tuple(map(str, range(16))), id="sixteen")],
)
def test_a_batch_holds_1_to_15_ids(ids: tuple[str, ...]) -> None:
    with pytest.raises(AssertionError):
        Batch(ids, tuple(range(len(ids))), (False,) * len(ids))


@pytest.mark.parametrize(
    ("indices", "ambiguous"), [((0,), (False, False)), ((0, 1), (False,)), ((0, 1, 2), (False, False))]
)
def test_ids_indices_and_doubts_run_in_step(indices: tuple[int, ...], ambiguous: tuple[bool, ...]) -> None:
    with pytest.raises(AssertionError):
        Batch(IDS[:2], indices, ambiguous)


def test_a_charge_ends_every_row_of_what_is_charged_to_nobody() -> None:
    batch = a_batch(2, attempts=1, throttles=2, unreached=3, renewals=1)
    assert batch.charged() == a_batch(2, attempts=2)


def test_each_uncharged_step_counts_itself_alone() -> None:
    batch = a_batch(2, attempts=1)
    assert batch.throttled() == a_batch(2, attempts=1, throttles=1)
    assert batch.unreached_once() == a_batch(2, attempts=1, unreached=1)
    assert batch.renewed() == a_batch(2, attempts=1, renewals=1)


def test_a_lost_batch_is_in_doubt_as_a_whole() -> None:
    assert a_batch(3, ambiguous=[1]).lost() == a_batch(3, ambiguous=[0, 1, 2])


@given(st.integers(2, MAX_BATCH), st.sets(st.integers(0, 14)))
def test_halves_are_the_whole_in_order_and_neither_is_empty(size: int, doubts: set[int]) -> None:
    batch = a_batch(size, ambiguous=sorted(doubts), attempts=2, throttles=1)
    first, second = batch.halves()
    assert first.ids + second.ids == batch.ids
    assert first.indices + second.indices == batch.indices
    assert first.ambiguous + second.ambiguous == batch.ambiguous
    assert 0 <= len(first.ids) - len(second.ids) <= 1
    assert (first.attempts, first.throttles) == (second.attempts, second.throttles) == (2, 1)


SLICES = st.integers(0, 100).flatmap(
    lambda size: st.tuples(
        st.just(size),
        st.sets(st.integers(0, max(0, size - 1)), max_size=size),
        st.lists(st.booleans(), min_size=size, max_size=size),
    )
)


@given(SLICES)
def test_every_unsettled_id_is_cut_into_one_request_along_the_fixed_batches(
    made: tuple[int, set[int], list[bool]],
) -> None:
    size, unsettled, ambiguous = made
    ids = [f"id-{index}" for index in range(size)]
    batches = cut(ids, sorted(unsettled), ambiguous)
    assert [index for batch in batches for index in batch.indices] == sorted(unsettled)
    for batch in batches:
        assert len({index // MAX_BATCH for index in batch.indices}) == 1
        assert batch.ids == tuple(ids[index] for index in batch.indices)
        assert batch.ambiguous == tuple(ambiguous[index] for index in batch.indices)
        assert (batch.attempts, batch.throttles, batch.unreached, batch.renewals) == (0, 0, 0, 0)


def test_an_untouched_slice_of_32_ids_is_three_requests() -> None:
    ids = [f"id-{index}" for index in range(32)]
    assert [len(batch.ids) for batch in cut(ids, range(32), [False] * 32)] == [15, 15, 2]
