"""`decide` driven to the end over sequences of verdicts, as the worker drives it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations, islice

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.core.made import IDS, a_batch, all_well, answered, ok, refused
from worker.core.answers.answer import classify
from worker.core.answers.reconcile import Plain, Reconciled
from worker.core.answers.reply import NoReply, Reply
from worker.core.answers.verdict import (
    Faulty,
    Intercepted,
    JobFault,
    Rejected,
    Throttled,
    Unauthorized,
    Unreached,
    Verdict,
)
from worker.core.batches.batch import MAX_BATCH, Batch, Settlement
from worker.core.batches.split import Parts
from worker.core.job import ReasonCode
from worker.core.outcome import BY_CODE, FINAL, Outcome
from worker.core.reason import Reason
from worker.core.retrying.action import Action, Halt, Hold, Renew, Retry, Settle, Split
from worker.core.retrying.breaker import is_away
from worker.core.retrying.charging import is_charged_at_once, split_exhausted
from worker.core.retrying.policy import Policy, decide

BAD = Reason("HTTP_503", "later", 503)
NO = Reason("HTTP_400", "no", 400)
CLASH = Reason("HTTP_409", "clash", 409)
LOST = Reason("TIMED_OUT", "no answer in time", 0)
GARBLED = Reason("UNREADABLE_ANSWER", "", 200)

Api = Callable[[Batch], Verdict]


@dataclass
class Drive:
    """Sends batches to `api` until none is left or the job halts; keeps what the record would hold.

    Every failure is charged: nothing here is taken for an outage.
    """

    policy: Policy
    api: Api
    requests: int = 0
    charged: int = 0
    probes: int = 0
    open: list[Parts] = field(default_factory=list)
    codes: dict[int, str] = field(default_factory=dict)
    attempts: dict[int, int] = field(default_factory=dict)
    halted: bool = False

    def run(self, batch: Batch) -> "Drive":
        self.open = [Parts([batch])]
        while self.open and not self.halted:
            parts = self.open[-1]
            sent = parts.take()
            if sent is None:
                self.open.pop()
                continue
            step: Action = Hold(sent, 0.0)
            while isinstance(step, Hold | Renew):
                sent = step.batch
                step = self._ask(sent)
            self._follow(step, sent, parts)
        return self

    def kept(self) -> list[int]:
        """The places of the ids that are still to be sent."""
        return [index for parts in self.open for batch in parts.waiting for index in batch.indices]

    def _ask(self, sent: Batch) -> Action:
        assert 0 < len(sent.ids) <= MAX_BATCH
        assert self._moving(sent) == list(sent.indices), "sent after its final outcome"
        self.requests += 1
        self.probes += sent.split_probe
        verdict = self.api(sent)
        step = decide(self.policy, verdict, sent, 0.5)
        self.charged += is_charged_at_once(verdict, step, sent)
        if (
            isinstance(step, Retry)
            and is_away(verdict)
            and not sent.is_uncharged_probe
            and step.fault is not None
        ):
            self.charged += 1
            step = replace(step, batch=step.batch.with_charges())
        return step

    def _follow(self, step: Action, sent: Batch, parts: Parts) -> None:
        match step:
            case Settle(settlement):
                assert settlement.batch.ids == sent.ids
                self._record(settlement, parts)
                assert not self._moving(sent)
            case Retry(batch, delay, None, None):
                assert delay > 0
                assert (batch.ids, batch.ambiguous, batch.attempts) == (
                    sent.ids,
                    sent.ambiguous,
                    sent.attempts,
                )
                self.open.append(Parts([batch]))
            case Retry(batch, delay, settlement, fault):
                assert delay > 0
                assert settlement is not None
                assert fault is not None
                assert settlement.batch.ids == sent.ids
                self._record(settlement, parts)
                assert list(batch.indices) == self._moving(sent)
                assert all(batch.ambiguous)
                spent, left = split_exhausted(self.policy.max_attempts, batch, fault)
                if spent is not None:
                    self._record(spent, Parts([]))
                if left is not None:
                    self.open.append(Parts([left]))
            case Split(batch, reason, settlement):
                assert (batch.ids, batch.indices) == (sent.ids, sent.indices)
                if settlement is not None:
                    self._record(settlement, parts)
                parts.split(batch, reason)
            case Halt():
                self.halted = True
                parts.waiting.insert(0, sent)

    def _moving(self, batch: Batch) -> list[int]:
        return [index for index in batch.indices if BY_CODE[self.codes.get(index, ".")] not in FINAL]

    def _record(self, settlement: Settlement, parts: Parts) -> None:
        parts.record(settlement)
        batch = settlement.batch
        assert len(settlement.codes) == len(batch.ids)
        assert {position for position, _ in settlement.reasons} <= set(range(len(batch.ids)))
        for position, (index, code) in enumerate(zip(batch.indices, settlement.codes, strict=True)):
            assert BY_CODE[self.codes.get(index, ".")] not in FINAL, "settled twice"
            assert BY_CODE[code] not in {Outcome.PENDING, Outcome.NOT_ATTEMPTED, Outcome.SKIPPED}
            if BY_CODE[code] in {Outcome.FAILED, Outcome.UNKNOWN, Outcome.ALREADY_ACTIVE}:
                assert position in dict(settlement.reasons), "an outcome without a reason"
            self.codes[index] = code
            self.attempts[index] = batch.attempts[position]


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
    st.sampled_from(
        [
            Intercepted(NO),
            Faulty(BAD),
            Faulty(LOST),
            Faulty(GARBLED),
            Rejected(NO),
            Rejected(CLASH),
            Unauthorized(BAD),
        ]
    ),
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
    kept = drive.kept()
    assert sorted(final + kept) == list(range(size))
    assert bool(kept) == drive.halted


@given(POLICIES, st.lists(ANSWERS, max_size=60))
def test_charged_attempts_stay_within_the_limit(policy: Policy, verdicts: list[Verdict]) -> None:
    drive = Drive(policy, scripted(verdicts)).run(a_batch())
    # The request that settles an id counts in the record, even where as a probe it was free.
    assert all(0 <= attempts <= policy.max_attempts + 1 for attempts in drive.attempts.values())


@given(POLICIES, st.lists(UNCHARGED, max_size=100))
def test_what_is_charged_to_nobody_can_go_on_for_ever(policy: Policy, verdicts: list[Verdict]) -> None:
    drive = Drive(policy, scripted(verdicts)).run(a_batch(3))
    assert drive.requests == len(verdicts) + 1
    assert drive.attempts == {0: 1, 1: 1, 2: 1}
    assert set(drive.codes.values()) == {"A"}


LISTED = st.lists(st.sampled_from([*IDS, "who"]), max_size=20)
REFUSALS = st.lists(
    st.tuples(st.sampled_from([*IDS, "who"]), st.sampled_from(["gone", "already active", ""])), max_size=20
)
BODIES = st.builds(ok, st.none() | LISTED, st.none() | REFUSALS) | st.binary(max_size=40)
STATUSES = st.sampled_from([200] * 8 + [202, 302, 400, 401, 409, 413, 429, 500, 503])
REPLIES = st.builds(answered, STATUSES, BODIES) | st.sampled_from(
    [NoReply("TIMED_OUT", "", sent=True), NoReply("NO_CONNECTION", "", sent=False)]
)


@given(POLICIES, st.integers(1, MAX_BATCH), st.lists(REPLIES, max_size=40))
def test_whatever_comes_back_every_id_has_one_outcome_and_is_sent_no_more_after_it(
    policy: Policy, size: int, replies: list[Reply | NoReply]
) -> None:
    left = iter(replies)

    def api(batch: Batch) -> Verdict:
        reply = next(left, answered(200, ok(batch.ids)))
        return classify(reply, batch.ids, 0.0)

    drive = Drive(policy, api).run(a_batch(size))
    if drive.halted:
        return
    # `Drive` itself asserts that nothing is settled twice, nor sent after its final outcome.
    assert sorted(drive.codes) == list(range(size))
    assert all(BY_CODE[code] in FINAL for code in drive.codes.values())


def rejects(culprits: set[str], reason: Reason = NO) -> Api:
    return lambda batch: Rejected(reason) if culprits & set(batch.ids) else all_well(len(batch.ids))


@pytest.mark.parametrize("position", range(MAX_BATCH))
def test_one_culprit_in_15_costs_9_requests_and_7_in_the_last_place(position: int) -> None:
    # Two requests at each level below the first: 15; 8 and 7; 4 and 4; 2 and 2; 1 and 1. The last id is
    # alone one level sooner: 15; 8 and 7; 4 and 3; 2 and 1.
    drive = Drive(Policy(), rejects({IDS[position]})).run(a_batch())
    assert drive.requests == (7 if position == 14 else 9)
    assert drive.probes == drive.requests - 1
    assert [drive.codes[index] for index in range(15)] == ["F" if i == position else "A" for i in range(15)]
    assert set(drive.attempts.values()) == {1}
    # Nobody is charged but the culprit, once it stood alone.
    assert drive.charged == 1


def test_any_two_culprits_in_15_cost_15_requests_at_most() -> None:
    costs = {Drive(Policy(), rejects(set(pair))).run(a_batch()).requests for pair in combinations(IDS, 2)}
    assert max(costs) == 15


@pytest.mark.lengthy
@pytest.mark.parametrize(("culprits", "most"), [(3, 21), (4, 21), (15, 21)])
def test_from_the_third_culprit_on_the_rest_goes_one_by_one(culprits: int, most: int) -> None:
    choices = islice(combinations(IDS, culprits), 2000)
    drives = [Drive(Policy(), rejects(set(chosen))).run(a_batch()) for chosen in choices]
    assert max(drive.requests for drive in drives) <= most
    assert all(list(drive.codes.values()).count("F") == culprits for drive in drives)


def test_once_two_culprits_are_found_no_further_request_of_several_ids_is_made() -> None:
    sizes: list[int] = []

    def api(batch: Batch) -> Verdict:
        sizes.append(len(batch.ids))
        return rejects(set(IDS))(batch)

    Drive(Policy(), api).run(a_batch())
    # Two found alone; the two beside them prove a third; then all others.
    assert sizes == [15, 8, 4, 2, 1, 1, 2] + [1] * 13


@given(st.sets(st.sampled_from(IDS)), st.integers(1, 7), st.sampled_from([NO, CLASH]))
def test_by_splitting_the_culprits_fail_and_nobody_else(
    culprits: set[str], max_attempts: int, reason: Reason
) -> None:
    drive = Drive(Policy(max_attempts), rejects(culprits, reason)).run(a_batch())
    assert {IDS[index] for index, code in drive.codes.items() if code == "F"} == culprits
    assert drive.requests <= 22


def test_a_conflict_is_tried_again_once_before_it_splits() -> None:
    drive = Drive(Policy(), rejects({IDS[3]}, CLASH)).run(a_batch())
    assert (drive.requests, drive.probes) == (10, 8)


def test_a_conflict_that_passes_costs_one_request_and_no_attempt() -> None:
    drive = Drive(Policy(), scripted([Rejected(CLASH)])).run(a_batch())
    assert (drive.requests, drive.charged) == (2, 1)
    assert set(drive.codes.values()) == {"A"}
    assert set(drive.attempts.values()) == {1}


def breaks(culprits: set[str]) -> Api:
    """5xx to whatever holds a culprit; before anything is done."""
    return lambda batch: Faulty(BAD) if culprits & set(batch.ids) else all_well(len(batch.ids))


@pytest.mark.parametrize("position", range(MAX_BATCH))
def test_a_repeated_5xx_is_split_and_only_the_culprit_stays_unknown(position: int) -> None:
    drive = Drive(Policy(5), breaks({IDS[position]})).run(a_batch())
    assert [drive.codes[index] for index in range(15)] == ["U" if i == position else "A" for i in range(15)]
    # Two of the whole, the probes, and the culprit alone until its attempts are spent: it had one with the
    # whole, and one as the last probe.
    assert drive.requests == 2 + (6 if position == 14 else 8) + 3
    assert drive.attempts[position] == 5


def test_a_time_out_however_often_splits_nothing() -> None:
    drive = Drive(Policy(4), lambda _batch: Faulty(LOST)).run(a_batch())
    assert (drive.requests, drive.probes) == (4, 0)
    assert set(drive.codes.values()) == {"U"}


def test_an_answer_lost_and_then_already_active_is_activated_by_this_job() -> None:
    active = refused("Token is already active")
    drive = Drive(Policy(), scripted([Faulty(BAD), Reconciled((active,) * 15)])).run(a_batch())
    assert set(drive.codes.values()) == {"A"}
    assert set(drive.attempts.values()) == {2}
