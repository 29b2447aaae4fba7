"""Reads records built byte by byte here, as `worker/store/scripts/job/commit.lua` writes them."""

import struct
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.batches.batch import MAX_BATCH
from worker.core.batches.record import Entry, LastAttempt, Stored, entries_of, outcomes_of, spans_of
from worker.core.outcome import BY_CODE, CODES, Outcome

EMPTY = Stored(b"", b"", b"", b"")


def trial_bytes(last_attempt: LastAttempt | None) -> bytes:
    """1 byte attempts, 2 bytes status, 5 bytes time; SETRANGE leaves zeros where nothing was written."""
    if last_attempt is None:
        return bytes(8)
    high, low = divmod(last_attempt.settled_ms, 1 << 32)
    return struct.pack(">BHBI", last_attempt.attempts, last_attempt.status, high, low)


def read(stored: Stored, count: int, *, at_rest: bool = False) -> list[Entry]:
    return list(entries_of(stored, count, at_rest=at_rest))


def test_an_untouched_slice_is_pending() -> None:
    assert read(EMPTY, 3) == [Entry(Outcome.PENDING, None, None)] * 3


def test_the_bytes_of_a_batch_are_read_in_order() -> None:
    batches = bytes([2, 0x01, 0xF7, 0x01, 0x02, 0x03, 0x04, 0x05])
    last_attempt = LastAttempt(attempts=2, status=503, settled_ms=0x0102030405)
    assert read(Stored(b"U", batches, b"", b""), 1) == [Entry(Outcome.UNKNOWN, last_attempt, None)]


def test_the_bytes_of_an_exception_are_read_in_order() -> None:
    exception = bytes([0, 1, 3, 0x01, 0x90, 0, 0, 0, 0x03, 0xE8])
    assert read(Stored(b"AF", b"", bytes([0, 1, 0x12, 0x34]), exception), 2) == [
        Entry(Outcome.ACTIVATED, None, None),
        Entry(Outcome.FAILED, LastAttempt(attempts=3, status=400, settled_ms=1000), 0x1234),
    ]


def test_an_id_settled_apart_has_its_own_trial_and_the_others_that_of_the_batch() -> None:
    whole, apart = LastAttempt(1, 200, 10), LastAttempt(3, 200, 900)
    stored = Stored(b"AAA", trial_bytes(whole), b"", struct.pack(">H", 1) + trial_bytes(apart))
    assert [entry.last_attempt for entry in read(stored, 3)] == [whole, apart, whole]


def test_of_two_exceptions_for_an_id_the_later_counts() -> None:
    lost, found = LastAttempt(1, 503, 10), LastAttempt(2, 200, 20)
    exceptions = b"".join(struct.pack(">H", 0) + trial_bytes(last_attempt) for last_attempt in (lost, found))
    assert [entry.last_attempt for entry in read(Stored(b"A", b"", b"", exceptions), 1)] == [found]


def test_of_an_exception_and_its_batch_the_later_counts() -> None:
    apart, whole = LastAttempt(1, 503, 10), LastAttempt(2, 200, 20)
    exception = struct.pack(">H", 0) + trial_bytes(apart)
    assert [entry.last_attempt for entry in read(Stored(b"A", trial_bytes(whole), b"", exception), 1)] == [
        whole
    ]


def test_a_trial_that_was_charged_to_nobody_is_one() -> None:
    free = LastAttempt(0, 400, 10)
    assert [entry.last_attempt for entry in read(Stored(b"U", trial_bytes(free), b"", b""), 1)] == [free]


def test_a_batch_that_was_skipped_over_has_no_trial() -> None:
    stored = Stored(b"." * 15 + b"A", bytes(8) + trial_bytes(LastAttempt(1, 200, 5)), b"", b"")
    entries = read(stored, 16)
    assert [entry.last_attempt for entry in entries[:15]] == [None] * 15
    assert entries[15] == Entry(Outcome.ACTIVATED, LastAttempt(1, 200, 5), None)


def test_an_id_never_sent_has_no_trial_even_where_its_batch_has_one() -> None:
    stored = Stored(b"A.", trial_bytes(LastAttempt(1, 200, 5)), b"", b"")
    assert read(stored, 2)[1] == Entry(Outcome.PENDING, None, None)
    assert read(stored, 2, at_rest=True)[1] == Entry(Outcome.NOT_ATTEMPTED, None, None)


@pytest.mark.parametrize(
    ("stored", "moving", "at_rest"),
    [
        pytest.param(b".", Outcome.PENDING, Outcome.NOT_ATTEMPTED, id="never sent"),
        pytest.param(b"", Outcome.PENDING, Outcome.NOT_ATTEMPTED, id="absent"),
        pytest.param(b"?", Outcome.AMBIGUOUS, Outcome.UNKNOWN, id="sent, the answer lost"),
        *(
            pytest.param(CODES[outcome].encode(), outcome, outcome, id=f"{outcome} stays")
            for outcome in (
                Outcome.ACTIVATED,
                Outcome.ALREADY_ACTIVE,
                Outcome.FAILED,
                Outcome.NOT_ATTEMPTED,
                Outcome.UNKNOWN,
            )
        ),
    ],
)
def test_at_rest_what_still_moves_is_read_as_what_it_came_to(
    stored: bytes, moving: Outcome, at_rest: Outcome
) -> None:
    assert list(outcomes_of(stored, 1, at_rest=False)) == [moving]
    assert list(outcomes_of(stored, 1, at_rest=True)) == [at_rest]


def test_batches_that_were_settled_in_one_step_are_one_stretch() -> None:
    one, other = trial_bytes(LastAttempt(1, 200, 5)), trial_bytes(LastAttempt(1, 200, 6))
    stored = Stored(b"A" * 50, one + one + other + one, b"", b"")
    spans = [(start, end) for start, end, _ in spans_of(stored, 50, at_rest=False, cuts=[20])]
    assert spans == [(0, 20), (20, 30), (30, 45), (45, 50)]


def test_characters_past_the_slice_do_not_count() -> None:
    assert list(outcomes_of(b"AFA", 2, at_rest=False)) == [Outcome.ACTIVATED, Outcome.FAILED]


@dataclass(frozen=True)
class Model:
    """A slice as it is meant, and as the store holds it."""

    codes: str
    batches: list[LastAttempt | None]
    exceptions: dict[int, LastAttempt]
    reasons: dict[int, int]

    def stored(self) -> Stored:
        return Stored(
            outcomes=self.codes.rstrip(".").encode(),
            batches=b"".join(map(trial_bytes, self.batches)),
            reasons=b"".join(struct.pack(">HH", *pair) for pair in self.reasons.items()),
            exceptions=b"".join(
                struct.pack(">H", index) + trial_bytes(last_attempt)
                for index, last_attempt in self.exceptions.items()
            ),
        )

    def entry(self, index: int) -> Entry:
        outcome = BY_CODE[self.codes[index]]
        place = index // MAX_BATCH
        trials = [self.exceptions.get(index), self.batches[place] if place < len(self.batches) else None]
        # `max` keeps the first of equals: what was settled apart.
        last_attempt = max(
            filter(None, trials), key=lambda last_attempt: last_attempt.settled_ms, default=None
        )
        unsent = outcome in {Outcome.PENDING, Outcome.NOT_ATTEMPTED}
        return Entry(outcome, None if unsent else last_attempt, self.reasons.get(index))


TRIAL = st.builds(LastAttempt, st.integers(0, 255), st.integers(0, 65535), st.integers(1, (1 << 40) - 1))
INDEX = st.integers(0, 2879)
MODEL = st.builds(
    Model,
    codes=st.text("".join(CODES.values()), max_size=70),
    batches=st.lists(st.none() | st.just(LastAttempt(1, 200, 5)) | TRIAL, max_size=5),
    exceptions=st.dictionaries(st.integers(0, 69) | INDEX, TRIAL, max_size=8),
    reasons=st.dictionaries(st.integers(0, 69) | INDEX, st.integers(1, 65535), max_size=8),
)


@given(MODEL)
def test_every_entry_is_read_back_as_it_was_meant(model: Model) -> None:
    count = len(model.codes)
    assert read(model.stored(), count) == [model.entry(index) for index in range(count)]


def test_a_record_is_blank_until_anything_is_written_to_it() -> None:
    assert Stored(b"", b"", b"", b"").is_blank
    for written in range(4):
        assert not Stored(*(b"?" if field == written else b"" for field in range(4))).is_blank
