"""Long outages in simulated time cost no id anything, and what spoils its requests is found all the same."""

import random

import pytest

from tests.core.drill import AWAY, BAD, Drill, away, batches_of, spoiled, up
from worker.core.answers.verdict import Faulty, Intercepted, JobFault, Verdict
from worker.core.batches.batch import MAX_BATCH, Batch
from worker.core.job import ReasonCode
from worker.core.reason import Reason
from worker.core.retrying.breaker import LONGEST_SILENCE
from worker.core.retrying.policy import Policy

HALF_AN_HOUR = 1800.0
PORTAL = Intercepted(Reason("NOT_THE_API", "text", 403))
FORBIDDEN = JobFault(ReasonCode.ORGANIZATION_FORBIDDEN, Reason("HTTP_403", "no", 403))

ids = pytest.mark.parametrize("verdict", AWAY, ids=lambda v: f"{v.reason.name} {getattr(v, 'asked', '')}")


@pytest.mark.lengthy
@ids
@pytest.mark.parametrize("size", [3, 15, 15 * 60])
@pytest.mark.parametrize("start", [0.0, 0.2])
def test_half_an_hour_without_the_api_costs_no_id_anything(verdict: Verdict, size: int, start: float) -> None:
    down = away(lambda batch, _: up(batch), lambda now: start <= now < start + HALF_AN_HOUR, verdict)
    drill = Drill(down, policy=Policy(max_attempts=3)).run(batches_of(size))
    assert drill.is_over()
    assert drill.outcomes() == "A" * size
    assert drill.probes == 0
    # While it is away it is asked by one request at a time, some seconds apart.
    assert len([at for at, _ in drill.requests if start <= at < start + HALF_AN_HOUR]) < 200
    # Nobody is charged but for what settled the ids.
    assert drill.charged == drill.breaker.successes


@pytest.mark.lengthy
@ids
@pytest.mark.parametrize("seed", range(4))
def test_an_outage_while_culprits_are_looked_for_is_charged_to_no_other(verdict: Verdict, seed: int) -> None:
    chance = random.Random(seed)
    size, start = 15 * 40, chance.uniform(0.0, 6.0)
    culprits = set(chance.sample(range(size), 18))
    api = away(spoiled(culprits), lambda now: start <= now < start + HALF_AN_HOUR, verdict)
    drill = Drill(api).run(batches_of(size))
    assert drill.is_over()
    assert {index for index, code in drill.codes.items() if code == "U"} == culprits
    assert drill.outcomes().count("A") == size - len(culprits)
    assert set(drill.reasons) == {"HTTP_503"}


@pytest.mark.lengthy
@ids
@pytest.mark.parametrize("rhythm", [(20.0, 1.0), (3.0, 0.3), (60.0, 5.0)])
def test_an_api_that_comes_and_goes_costs_nobody_anything(
    verdict: Verdict, rhythm: tuple[float, float]
) -> None:
    size, (off, on) = 15 * 400, rhythm
    api = away(lambda batch, _: up(batch), lambda now: now < HALF_AN_HOUR and now % (off + on) < off, verdict)
    drill = Drill(api, senders=4).run(batches_of(size))
    assert drill.outcomes() == "A" * size
    assert drill.probes == 0


@pytest.mark.parametrize("verdict", [Faulty(BAD), Faulty(Reason("UNREADABLE_ANSWER", "no JSON", 200))])
@pytest.mark.parametrize("place", range(MAX_BATCH))
def test_one_id_that_spoils_the_only_request_is_found(verdict: Verdict, place: int) -> None:
    drill = Drill(spoiled({place}, verdict)).run(batches_of(15))
    assert drill.is_over()
    assert drill.outcomes() == "A" * place + "U" + "A" * (14 - place)
    # In a minute, and by few requests.
    assert drill.now < 60
    assert len(drill.requests) < 30


@pytest.mark.lengthy
@pytest.mark.parametrize("seed", range(20))
def test_some_that_spoil_the_only_request_are_found(seed: int) -> None:
    chance = random.Random(seed)
    culprits = set(chance.sample(range(15), chance.randint(2, 7)))
    drill = Drill(spoiled(culprits)).run(batches_of(15))
    assert drill.is_over()
    assert {index for index, code in drill.codes.items() if code == "U"} == culprits
    # Where no good answer comes between, the last of them are believed to be at fault after an hour each.
    assert drill.now < 4 * LONGEST_SILENCE


def test_many_that_spoil_the_only_request_are_found_once_nothing_else_was_there_for_an_hour() -> None:
    drill = Drill(spoiled(set(range(11)))).run(batches_of(15))
    assert drill.is_over()
    assert drill.outcomes() == "U" * 11 + "A" * 4
    assert LONGEST_SILENCE < drill.now < 4 * LONGEST_SILENCE


@pytest.mark.parametrize("seed", range(4))
def test_many_that_spoil_the_requests_of_a_small_job_cost_no_other_its_attempts(seed: int) -> None:
    culprits = set(random.Random(seed).sample(range(450), 14))
    drill = Drill(spoiled(culprits), senders=32, policy=Policy(max_attempts=3)).run(batches_of(450))
    assert {index for index, code in drill.codes.items() if code == "U"} == culprits
    assert drill.outcomes().count("A") == 450 - len(culprits)
    assert drill.now < 2 * LONGEST_SILENCE


def test_silence_to_the_same_ids_splits_nothing_while_others_are_served() -> None:
    api = spoiled({33}, Faulty(Reason("TIMED_OUT", "no answer in time", 0)))
    drill = Drill(api, senders=2).run(batches_of(15 * 900))
    assert {index for index, code in drill.codes.items() if code == "U"} == set(range(30, 45))
    assert {size for _, size in drill.requests} == {15}


def test_an_unreadable_answer_to_the_same_ids_is_taken_apart_while_others_are_served() -> None:
    culprits = {7, 100, 101}
    drill = Drill(spoiled(culprits, Faulty(Reason("UNREADABLE_ANSWER", "no JSON", 200)))).run(
        batches_of(15 * 30)
    )
    assert {index for index, code in drill.codes.items() if code == "U"} == culprits
    assert drill.outcomes().count("A") == 15 * 30 - 3


def test_what_something_else_answers_leaves_ids_as_they_were_and_splits_nothing() -> None:
    drill = Drill(lambda _batch, _now: PORTAL).run(batches_of(15 * 30), until=HALF_AN_HOUR)
    assert drill.codes == {}
    assert {size for _, size in drill.requests} == {15}
    assert drill.charged == 0


@pytest.mark.lengthy
def test_an_id_that_a_filter_never_lets_through_is_found_while_others_get_through() -> None:
    def api(batch: Batch, _now: float) -> Verdict:
        return PORTAL if 33 in batch.indices else up(batch)

    drill = Drill(api, senders=2).run(batches_of(15 * 600))
    assert drill.outcomes().count("A") >= 15 * 600 - 15
    assert "F" not in drill.outcomes()


def test_what_a_503_asks_for_is_kept_to() -> None:
    api = away(lambda batch, _: up(batch), lambda now: 1.0 <= now < 40.0, Faulty(BAD, asked=30.0))
    drill = Drill(api, senders=1).run(batches_of(15 * 60))
    asked = [at for at, _ in drill.requests if at >= 1.0]
    assert asked[1] - asked[0] >= 30.0
    assert drill.outcomes() == "A" * 15 * 60


def test_a_refused_organization_fails_a_job_of_which_nothing_was_accepted_at_once() -> None:
    drill = Drill(lambda _batch, _now: FORBIDDEN, senders=1).run(batches_of(15 * 9))
    assert drill.halted is not None
    assert len(drill.requests) == 1


def test_a_refusal_after_good_answers_is_believed_when_it_comes_again_seconds_later() -> None:
    api = away(lambda batch, _: up(batch), lambda now: now >= 0.1, FORBIDDEN)
    drill = Drill(api, senders=2).run(batches_of(15 * 9))
    assert drill.halted is not None
    assert 3.0 <= drill.now < 6.0


def test_a_refusal_between_good_answers_costs_nobody_anything() -> None:
    api = away(lambda batch, _: up(batch), lambda now: 0.1 <= now < 0.12, FORBIDDEN)
    drill = Drill(api, senders=2).run(batches_of(15 * 300))
    assert drill.outcomes() == "A" * 15 * 300
    assert drill.charged == 300
