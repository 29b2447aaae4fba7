"""`decide` driven to the end over sequences of verdicts, as the worker drives it."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.made import IDS, a_batch, all_well, refused
from worker.core.answer import Faulty, JobFault, Rejected, Throttled, Unauthorized, Unreached, Verdict
from worker.core.batch import MAX_BATCH, Batch, Settlement
from worker.core.job import ReasonCode
from worker.core.outcome import BY_CODE, FINAL, Outcome
from worker.core.policy import Halt, Hold, Policy, Renew, Retry, Settle, Split, Step, decide
from worker.core.reason import Reason
from worker.core.reconcile import Plain, Reconciled

BAD = Reason("HTTP_503", "later", 503)
NO = Reason("HTTP_400", "no", 400)

Api = Callable[[Batch], Verdict]


@dataclass
class Drive:
    """Sends batches to `api` until none is left or the job halts; keeps what the record would hold."""

    policy: Policy
    api: Api
    requests: int = 0
    open: list[Batch] = field(default_factory=list)
    codes: dict[int, str] = field(default_factory=dict)
    attempts: dict[int, int] = field(default_factory=dict)
    halted: bool = False

    def run(self, batch: Batch) -> "Drive":
        self.open = [batch]
        while self.open and not self.halted:
            sent = self.open[-1]
            assert 0 < len(sent.ids) <= MAX_BATCH
            self.requests += 1
            verdict = self.api(sent)
            self._follow(decide(self.policy, verdict, sent, 0.5), sent)
        return self

    def _follow(self, step: Step, sent: Batch) -> None:
        match step:
            case Settle(settlement):
                assert settlement.batch.ids == sent.ids
                self.open.pop()
                self._record(settlement)
                assert not self._moving(sent)
            case Retry(batch, _, None) | Hold(batch, _) | Renew(batch, _):
                assert (batch.ids, batch.ambiguous) == (sent.ids, sent.ambiguous)
                assert batch.attempts == sent.attempts
                self.open[-1] = batch
            case Retry(batch, delay, settlement):
                assert delay > 0
                assert settlement is not None
                assert settlement.batch.ids == sent.ids
                self._record(settlement)
                assert list(batch.indices) == self._moving(sent)
                assert all(batch.ambiguous)
                self.open[-1] = batch
            case Split(parts):
                assert tuple(i for part in parts for i in part.indices) == sent.indices
                assert tuple(i for part in parts for i in part.ids) == sent.ids
                assert abs(len(parts[0].ids) - len(parts[1].ids)) <= 1
                self.open[-1:] = reversed(parts)
            case Halt():
                self.halted = True

    def _moving(self, batch: Batch) -> list[int]:
        return [index for index in batch.indices if BY_CODE[self.codes.get(index, ".")] not in FINAL]

    def _record(self, settlement: Settlement) -> None:
        batch = settlement.batch
        assert len(settlement.codes) == len(batch.ids)
        assert {place for place, _ in settlement.reasons} <= set(range(len(batch.ids)))
        for place, (index, code) in enumerate(zip(batch.indices, settlement.codes, strict=True)):
            assert BY_CODE[self.codes.get(index, ".")] not in FINAL, "settled twice"
            assert BY_CODE[code] not in {Outcome.PENDING, Outcome.NOT_ATTEMPTED, Outcome.SKIPPED}
            if BY_CODE[code] in {Outcome.FAILED, Outcome.UNKNOWN, Outcome.ALREADY_ACTIVE}:
                assert place in dict(settlement.reasons), "an outcome without a reason"
            self.codes[index] = code
            self.attempts[index] = batch.attempts


SAID = st.sampled_from(
    [
        Plain.SUCCESS,
        Plain.CONTRADICTION,
        None,
        refused("Token has expired"),
        refused("Token is already active"),
    ]
)
UNCHARGED = st.sampled_from([Throttled(None), Throttled(0.0), Throttled(9.0), Unreached(BAD)])
ANSWERS = st.one_of(
    UNCHARGED,
    st.sampled_from([Faulty(BAD), Rejected(NO), Unauthorized(BAD)]),
    st.lists(SAID, min_size=MAX_BATCH, max_size=MAX_BATCH).map(lambda said: Reconciled(tuple(said))),
)
FAULTS = st.just(JobFault(ReasonCode.ORGANIZATION_FORBIDDEN, NO))
POLICIES = st.builds(Policy, max_attempts=st.integers(1, 7))


def scripted(verdicts: list[Verdict]) -> Api:
    """Answers by the script, then well for ever."""
    left = iter(verdicts)

    def api(batch: Batch) -> Verdict:
        verdict = next(left, all_well(MAX_BATCH))
        if isinstance(verdict, Reconciled):
            return Reconciled(verdict.said[: len(batch.ids)])
        return verdict

    return api


@given(POLICIES, st.integers(1, MAX_BATCH), st.lists(ANSWERS | FAULTS, max_size=40))
def test_every_id_ends_in_one_outcome_or_stays_with_a_batch(
    policy: Policy, size: int, verdicts: list[Verdict]
) -> None:
    drive = Drive(policy, scripted(verdicts)).run(a_batch(size))
    final = [index for index, code in drive.codes.items() if BY_CODE[code] in FINAL]
    kept = [index for batch in drive.open for index in batch.indices]
    assert sorted(final + kept) == list(range(size))
    assert bool(kept) == drive.halted


@given(POLICIES, st.lists(ANSWERS, max_size=60))
def test_charged_attempts_stay_within_the_limit(policy: Policy, verdicts: list[Verdict]) -> None:
    drive = Drive(policy, scripted(verdicts)).run(a_batch())
    assert all(1 <= attempts <= policy.max_attempts for attempts in drive.attempts.values())


@given(POLICIES, st.lists(UNCHARGED, max_size=100))
def test_what_is_charged_to_nobody_can_go_on_for_ever(policy: Policy, verdicts: list[Verdict]) -> None:
    drive = Drive(policy, scripted(verdicts)).run(a_batch(3))
    assert drive.requests == len(verdicts) + 1
    assert drive.attempts == {0: 1, 1: 1, 2: 1}
    assert set(drive.codes.values()) == {"A"}


def rejects(culprits: set[str]) -> Api:
    return lambda batch: Rejected(NO) if culprits & set(batch.ids) else all_well(len(batch.ids))


@pytest.mark.parametrize("place", range(MAX_BATCH))
def test_one_culprit_in_15_costs_9_requests_and_7_in_the_last_place(place: int) -> None:
    # Two requests at each level below the first: 15; 8 and 7; 4 and 4; 2 and 2; 1 and 1. The last id is
    # alone one level sooner: 15; 8 and 7; 4 and 3; 2 and 1.
    drive = Drive(Policy(), rejects({IDS[place]})).run(a_batch())
    assert drive.requests == (7 if place == 14 else 9)
    assert [drive.codes[index] for index in range(15)] == ["F" if i == place else "A" for i in range(15)]
    assert set(drive.attempts.values()) == {1}


def test_fifteen_culprits_cost_29_requests() -> None:
    drive = Drive(Policy(), rejects(set(IDS))).run(a_batch())
    assert drive.requests == 29
    assert set(drive.codes.values()) == {"F"}


@given(st.sets(st.sampled_from(IDS)), st.integers(1, 7))
def test_by_splitting_the_culprits_fail_and_nobody_else(culprits: set[str], max_attempts: int) -> None:
    drive = Drive(Policy(max_attempts), rejects(culprits)).run(a_batch())
    assert {IDS[index] for index, code in drive.codes.items() if code == "F"} == culprits
    assert drive.requests <= 29


def test_an_answer_lost_and_then_already_active_is_activated_by_this_job() -> None:
    active = refused("Token is already active")
    drive = Drive(Policy(), scripted([Faulty(BAD), Reconciled((active,) * 15)])).run(a_batch())
    assert set(drive.codes.values()) == {"A"}
    assert set(drive.attempts.values()) == {2}
