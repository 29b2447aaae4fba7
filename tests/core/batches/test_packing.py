"""Which ids share a request: healthy ones along the slice's fixed batches, suspects with suspects."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.made import IDS, a_batch
from worker.core.batches.batch import MAX_BATCH, Batch
from worker.core.batches.packing import Pool, cut, fixed_batches, joined, may_be_packed
from worker.core.batches.record import Entry, LastAttempt
from worker.core.outcome import FINAL, Outcome

FRESH = Entry(Outcome.PENDING, None, None)


def entry(outcome: Outcome, attempts: int = 0) -> Entry:
    return Entry(outcome, LastAttempt(attempts, 503, 1) if attempts else None, None)


def names(count: int) -> list[str]:
    return [f"id-{index}" for index in range(count)]


ENTRIES = st.lists(
    st.builds(entry, st.sampled_from([*FINAL, Outcome.PENDING, Outcome.AMBIGUOUS]), st.integers(0, 4)),
    max_size=100,
)


@given(ENTRIES)
def test_every_open_id_is_in_one_request_with_what_the_record_knows_of_it(entries: list[Entry]) -> None:
    ids = names(len(entries))
    healthy, suspects = cut(ids, entries)
    placed = {index: batch for batch in (*healthy, *suspects) for index in batch.indices}
    opened = [index for index, given in enumerate(entries) if given.outcome not in FINAL]
    assert sorted(placed) == opened
    assert sum(len(batch.ids) for batch in (*healthy, *suspects)) == len(opened)
    for index, batch in placed.items():
        at = batch.indices.index(index)
        last_attempt = entries[index].last_attempt
        assert batch.ids[at] == ids[index]
        assert batch.ambiguous[at] == (entries[index].outcome is Outcome.AMBIGUOUS)
        assert batch.attempts[at] == (last_attempt.attempts if last_attempt else 0)


@given(ENTRIES)
def test_suspects_fill_their_requests_and_no_healthy_id_is_among_them(entries: list[Entry]) -> None:
    healthy, suspects = cut(names(len(entries)), entries)
    assert all(not any(batch.ambiguous) for batch in healthy)
    assert all(all(batch.ambiguous) for batch in suspects)
    assert all(len({index // MAX_BATCH for index in batch.indices}) == 1 for batch in healthy)
    assert [batch for batch in suspects[:-1] if len(batch.ids) < MAX_BATCH] == []


def test_an_untouched_slice_of_32_ids_is_three_requests() -> None:
    healthy, suspects = cut(names(32), [FRESH] * 32)
    assert [len(batch.ids) for batch in healthy] == [15, 15, 2]
    assert suspects == []


def test_a_fixed_batch_that_is_suspect_as_a_whole_stays_one() -> None:
    doubt = entry(Outcome.AMBIGUOUS, 2)
    entries = [FRESH] * 14 + [doubt] + [doubt] * 15 + [FRESH] * 13 + [doubt] * 2
    _, suspects = cut(names(45), entries)
    assert [batch.indices for batch in suspects] == [tuple(range(15, 30)), (14, 43, 44)]


def test_batches_put_together_keep_the_worst_that_one_of_them_met() -> None:
    first = a_batch(2, ambiguous=[0, 1], attempts=[1, 2], errors=1, successes_at_failure=7)
    second = Batch(IDS[5:6], (5,), (True,), (3,))
    both = joined([first, second])
    assert (both.ids, both.indices, both.attempts) == ((*IDS[:2], IDS[5]), (0, 1, 5), (1, 2, 3))
    assert (both.errors, both.successes_at_failure) == (1, 7)


@pytest.mark.parametrize(
    ("batch", "packed"),
    [
        pytest.param(a_batch(3, ambiguous=[0, 1, 2]), True, id="a few in doubt"),
        pytest.param(a_batch(3, ambiguous=[0, 1]), False, id="one was not sent"),
        pytest.param(a_batch(15, ambiguous=range(15)), False, id="a full request"),
        pytest.param(a_batch(1, ambiguous=[0], isolated=True), False, id="taken out of a refused request"),
        pytest.param(
            a_batch(1, ambiguous=[0], pending_charges=(1,)), False, id="it is not known who is to be charged"
        ),
    ],
)
def test_what_may_share_a_request_with_other_suspects(batch: Batch, packed: bool) -> None:
    assert may_be_packed(batch) == packed


@given(st.lists(st.integers(1, 14), max_size=30))
def test_a_pool_gives_full_requests_and_the_rest_at_the_end(sizes: list[int]) -> None:
    pool, given, taken = Pool(), 0, []
    for size in sizes:
        indices = tuple(range(given, given + size))
        ids = tuple(f"id-{index}" for index in indices)
        pool.add(Batch(ids, indices, (True,) * size, (1,) * size))
        given += size
        full = pool.full()
        assert all(len(batch.ids) == MAX_BATCH for batch in full)
        taken += full
    rest = pool.rest()
    assert len(rest) == (given % MAX_BATCH > 0)
    assert [index for batch in (*taken, *rest) for index in batch.indices] == list(range(given))
    assert pool.rest() == []


@given(st.integers(0, 4 * MAX_BATCH))
def test_a_slice_that_nobody_touched_is_cut_into_its_fixed_batches(count: int) -> None:
    ids = names(count)
    healthy, suspects = cut(ids, [FRESH] * count)
    assert healthy == fixed_batches(ids)
    starts = range(0, count, MAX_BATCH)
    sizes = [min(MAX_BATCH, count - start) for start in starts]
    assert healthy == [
        Batch(
            tuple(ids[start : start + size]),
            tuple(range(start, start + size)),
            (False,) * size,
            (0,) * size,
        )
        for start, size in zip(starts, sizes, strict=True)
    ]
    assert suspects == []
