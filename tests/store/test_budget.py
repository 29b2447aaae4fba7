"""The shared budget: slots evenly spaced, shared by weight, held for all; decisions made once."""

from collections.abc import AsyncIterator, Callable
from time import perf_counter

import pytest
import redis

from tests.store.conftest import Backend
from worker.core.rate.learned import VERSION
from worker.core.rate.learning import begin, next_decision_in, on_success
from worker.core.rate.rate_config import RateConfig
from worker.store.budget import BudgetStore
from worker.store.budget_protocol import (
    AnswerStats,
    Demand,
    RateDecision,
    ReserveReply,
    ReserveRequest,
    pack_learned,
    unpack_learned,
)
from worker.store.jobs import JobStore
from worker.store.script_calls import BudgetScript, source

HOST, ORG = "api.test", "an-organization"
KEY = f"bulk:budget:{HOST}:{ORG}"
Open = Callable[..., BudgetStore]


@pytest.fixture
async def budget(backend: Backend, client: redis.Redis) -> AsyncIterator[Open]:
    """Opens the budget as one worker sees it."""
    own = backend.asynchronous()
    yield lambda worker="w", org=ORG: BudgetStore(own, HOST, org, worker)
    await own.aclose()


def by_hand(rate: float) -> RateConfig:
    return RateConfig(rate, 10.0, 100.0)


def ask(
    rate: float = 10.0, slots: int = 100, *, job: str = "a", weight: float = 1, unused: int = 0
) -> ReserveRequest:
    return ReserveRequest(by_hand(rate), [Demand(job, weight, slots)], unused, AnswerStats())


async def test_reservations_follow_each_other_without_gap_or_overlap(budget: Open) -> None:
    began = perf_counter()
    first = await budget().reserve(ask(100.0))
    second = await budget("other").reserve(ask(100.0))
    lasted = perf_counter() - began
    assert (len(first.order), first.first) == (10, 0.0)
    assert first.gap == pytest.approx(0.01)
    # Seen from two moments, the second run begins where the first ended.
    assert max(0.0, 0.1 - lasted) <= second.first <= 0.1


async def test_a_reservation_lasts_a_tenth_of_a_second_and_has_no_more_slots_than_wanted(
    budget: Open,
) -> None:
    assert len((await budget().reserve(ask(1000.0, 7))).order) == 7
    assert len((await budget(org="two").reserve(ask(1000.0))).order) == 100
    assert len((await budget(org="three").reserve(ask(0.5))).order) == 1


async def test_a_worker_is_given_no_more_than_it_can_use_and_the_rest_is_left_to_others(budget: Open) -> None:
    mine = ReserveRequest(by_hand(100_000.0), [Demand("a", 1, 5000)], 0, AnswerStats(), max_slots=128)
    assert len((await budget().reserve(mine)).order) == 128
    assert len((await budget("other").reserve(ask(100_000.0, 5000))).order) == 5000


async def test_a_hold_takes_one_round_trip_from_the_first_on(budget: Open, client: redis.Redis) -> None:
    """Where Redis is far, each more would let others send into it."""
    client.script_flush()
    mine = budget()
    await mine.reserve(ask())
    steps = (BudgetScript.THROTTLE, BudgetScript.ADOPT_RATE)
    hashes = [client.register_script(source(step)).sha for step in steps]
    assert client.script_exists(*hashes) == [True, True]


async def test_nothing_is_reserved_far_ahead(budget: Open) -> None:
    """So that a hold and another rate act at once on every worker."""
    given = [await budget().reserve(ask(2.0)) for _ in range(4)]
    assert [len(run.order) for run in given] == [1, 0, 0, 0]
    assert 0.0 < given[-1].again <= 0.5


async def test_unused_time_is_not_saved_up(budget: Open) -> None:
    await budget().reserve(ask(100_000.0, 1))
    assert (await budget().reserve(ask(10.0, 1))).first >= 0


async def test_a_hold_moves_every_slot_behind_it(budget: Open) -> None:
    told = await budget().throttle(0, 30.0, 0.1, AnswerStats())
    assert told.held == pytest.approx(30.0)
    given = await budget("other").reserve(ask())
    assert given.order == ()
    assert given.held == pytest.approx(30.0, abs=5)


async def test_a_hold_is_never_made_shorter(budget: Open) -> None:
    await budget().throttle(0, 30.0, 0.1, AnswerStats())
    assert (await budget("other").throttle(0, 1.0, 0.1, AnswerStats())).held > 20


async def test_only_the_first_429_of_an_epoch_holds_by_itself_and_is_decided_on(budget: Open) -> None:
    await budget().reserve(ask())
    first = await budget().throttle(0, None, 10.0, AnswerStats())
    second = await budget("other").throttle(0, None, 1000.0, AnswerStats())
    assert first.decision_request is not None
    assert second.decision_request is None
    assert second.held <= 10.0


async def test_a_429_is_decided_on_by_the_requests_passed_before_it(budget: Open) -> None:
    version = (await budget().reserve(ask())).version
    decided = RateDecision(version, 10.0, "{}", 60.0, new_epoch=False, strikes=0)
    await budget().reserve(ReserveRequest(by_hand(10.0), [], 0, AnswerStats(0, 3, 30_000), decided))
    told = await budget().throttle(0, 30.0, 0.1, AnswerStats())
    assert told.decision_request is not None
    assert told.decision_request.evidence.passed == 3
    assert told.decision_request.evidence.seconds > 0


async def test_a_429_is_decided_on_with_the_unreported_answers_of_its_worker(budget: Open) -> None:
    await budget().reserve(ask())
    told = await budget().throttle(0, 30.0, 0.1, AnswerStats(0, 3, 30_000))
    assert told.decision_request is not None
    assert told.decision_request.evidence.passed == 3
    assert told.decision_request.evidence.latency == pytest.approx(0.01)


async def test_answers_of_an_older_epoch_are_no_evidence(budget: Open) -> None:
    told = await budget().throttle(0, None, 0.1, AnswerStats())
    await budget().adopt_rate(RateDecision(told.version, 5.0, "", 1.0, new_epoch=True, strikes=1))
    await budget("other").throttle(0, None, 0.1, AnswerStats(0, 3, 30_000))
    told = await budget().throttle(1, None, 0.1, AnswerStats(1, 2, 0))
    assert told.decision_request is not None
    assert told.decision_request.evidence.passed == 2


async def test_late_answers_of_the_last_epoch_are_reported_as_such_until_the_next(budget: Open) -> None:
    """By one who knows of the new era, and by one who does not yet."""
    told = await budget().throttle(0, None, 0.1, AnswerStats())
    await budget().adopt_rate(RateDecision(told.version, 5.0, "", 1.0, new_epoch=True, strikes=1))
    await budget("other").throttle(0, None, 0.1, AnswerStats(0, 3, 30_000))
    told = await budget().throttle(1, None, 0.1, AnswerStats(1, 2, 0, 1))
    assert told.decision_request is not None
    assert (told.decision_request.evidence.passed, told.decision_request.evidence.late) == (2, 4)
    await budget().adopt_rate(RateDecision(told.version, 4.0, "", 1.0, new_epoch=True, strikes=1))
    # What is older still says nothing.
    told = await budget().throttle(2, None, 0.1, AnswerStats(0, 1, 0))
    assert told.decision_request is not None
    assert told.decision_request.evidence.late == 0


async def handed_out(budget: Open) -> ReserveReply:
    """With three answers as the evidence, to a worker that decides."""
    version = (await budget().reserve(ask())).version
    decided = RateDecision(version, 10.0, "{}", 0.0, new_epoch=False, strikes=0)
    await budget().adopt_rate(decided)
    handed = await budget().reserve(ReserveRequest(by_hand(10.0), [], 0, AnswerStats(0, 3, 30_000)))
    assert handed.decision_request is not None
    assert handed.decision_request.evidence.passed == 3
    return handed


async def test_a_429_during_a_decision_is_decided_on_by_all_passed_requests(budget: Open) -> None:
    """And makes that decision void."""
    handed = await handed_out(budget)
    await budget("other").reserve(ReserveRequest(by_hand(10.0), [], 0, AnswerStats(0, 4, 0)))
    told = await budget("other").throttle(0, 30.0, 0.1, AnswerStats())
    assert told.decision_request is not None
    assert told.decision_request.evidence.passed == 7
    await budget().adopt_rate(RateDecision(handed.version, 99.0, "{}", 1.0, new_epoch=False, strikes=0))
    await budget("other").adopt_rate(RateDecision(told.version, 5.0, "{}", 1.0, new_epoch=True, strikes=1))
    assert (await budget().reserve(ask())).rate == 5.0


async def test_answers_during_a_decision_count_for_the_next(budget: Open) -> None:
    handed = await handed_out(budget)
    await budget("other").reserve(ReserveRequest(by_hand(10.0), [], 0, AnswerStats(0, 4, 0)))
    await budget().adopt_rate(RateDecision(handed.version, 10.0, "{}", 0.0, new_epoch=False, strikes=0))
    second = await budget("other").reserve(ask())
    assert second.decision_request is not None
    assert second.decision_request.evidence.passed == 4


async def test_a_429_of_an_older_epoch_is_only_counted(budget: Open) -> None:
    told = await budget().throttle(0, None, 0.5, AnswerStats())
    await budget().adopt_rate(RateDecision(told.version, 5.0, "", 1.0, new_epoch=True, strikes=1))
    late = await budget("other").throttle(0, None, 1000.0, AnswerStats())
    assert late.decision_request is None
    assert late.held <= 0.5


async def test_a_hold_that_the_api_asks_for_counts_in_any_epoch(budget: Open) -> None:
    told = await budget().throttle(0, None, 0.5, AnswerStats())
    await budget().adopt_rate(RateDecision(told.version, 5.0, "", 1.0, new_epoch=True, strikes=1))
    assert (await budget("other").throttle(0, 20.0, 0.5, AnswerStats())).held > 10


async def test_a_decision_on_old_evidence_is_void(budget: Open, client: redis.Redis) -> None:
    """One congestion event lowers the rate once, whoever decides first."""
    await budget().reserve(ask())
    told = await budget().throttle(0, None, 0.1, AnswerStats())
    await budget().adopt_rate(RateDecision(told.version, 5.0, "{}", 1.0, new_epoch=True, strikes=1))
    await budget("other").adopt_rate(RateDecision(told.version, 1.0, "{}", 1.0, new_epoch=True, strikes=2))
    assert client.hget(KEY, "rate") == b"5"
    assert client.hget(KEY, "epoch") == b"1"


async def test_a_decision_is_in_force_with_the_next_reservation_of_any_worker(budget: Open) -> None:
    first = await budget().reserve(ask(100.0))
    assert first.decision_request is not None
    learned = on_success(begin(first.decision_request.rate_config), first.decision_request.evidence)
    decided = RateDecision(
        first.version, 20.0, pack_learned(learned), next_decision_in(learned, 0), new_epoch=False, strikes=0
    )
    await budget().reserve(ReserveRequest(by_hand(100.0), [], 0, AnswerStats(), decided))
    assert (await budget("other").reserve(ask(100.0))).rate == 20.0


async def test_the_evidence_is_handed_to_one_worker(budget: Open) -> None:
    """And is that of the present era alone."""
    given: list[ReserveReply] = [await budget().reserve(ask())]
    assert given[0].decision_request is not None
    decided = RateDecision(given[0].version, 10.0, "{}", 0.0, new_epoch=False, strikes=0)
    await budget().reserve(ReserveRequest(by_hand(10.0), [], 0, AnswerStats(0, 5, 500_000), decided))
    await budget().reserve(ReserveRequest(by_hand(10.0), [], 0, AnswerStats(7, 1000, 0)))
    told = [await budget(name).reserve(ask()) for name in ("one", "two")]
    dues = [run.decision_request for run in (*given[1:], *told) if run.decision_request is not None]
    assert len(dues) <= 1


async def test_where_workers_differ_the_lowest_rate_holds(budget: Open) -> None:
    await budget("one").reserve(ask(50.0))
    given = await budget("two").reserve(ask(20.0))
    assert given.rate == 20.0


async def test_an_order_wins_over_the_settings_until_it_is_taken_back(budget: Open, jobs: JobStore) -> None:
    await budget().reserve(ask(50.0))
    jobs.set_rate(HOST, ORG, "3")
    assert jobs.budget(HOST, ORG).configured == "3"
    assert (await budget().reserve(ask(50.0))).rate == 3.0
    assert jobs.budget(HOST, ORG).configured == "3"
    jobs.set_rate(HOST, ORG, "auto")
    given = await budget().reserve(ask(50.0))
    assert given.decision_request is not None
    assert not given.decision_request.by_hand
    jobs.set_rate(HOST, ORG, "default")
    await budget().reserve(ask(50.0))
    assert jobs.budget(HOST, ORG).configured == "50"


async def test_jobs_share_by_weight(budget: Open) -> None:
    """Two that both have more than enough to send, asked for by two workers."""
    served = {"heavy": 0, "light": 0}
    demands = [Demand("heavy", 3, 1000), Demand("light", 1, 1000)]
    run = await budget().reserve(ReserveRequest(by_hand(10_000.0), demands, 0, AnswerStats()))
    for place in run.order:
        served[demands[place].job] += 1
    assert served["heavy"] == pytest.approx(3 * served["light"], rel=0.05)


async def test_a_job_that_got_more_than_its_share_waits_for_the_others(budget: Open) -> None:
    """The light job is asked for by another worker, less often."""
    greedy, modest = budget("greedy"), budget("modest")
    await modest.reserve(ask(1000.0, 1, job="light"))
    got = [len((await greedy.reserve(ask(1000.0, job="big"))).order) for _ in range(4)]
    assert sum(got) <= 2 * 100 + 1
    assert len((await modest.reserve(ask(1000.0, 50, job="light"))).order) in {0, 50}


async def test_advice_lowers_the_rate_for_as_long_as_it_says(budget: Open) -> None:
    advised = ReserveRequest(by_hand(100.0), [Demand("a", 1, 1)], 0, AnswerStats(), advice=(2.0, 60.0))
    assert (await budget().reserve(advised)).rate == 2.0
    assert (await budget("other").reserve(ask(100.0))).rate == 2.0


async def test_unused_slots_are_given_out_again_little_by_little(budget: Open) -> None:
    given = await budget().reserve(ask(100.0, unused=5))
    assert given.gap == pytest.approx(0.01 / 1.01)


async def test_organizations_do_not_share(budget: Open) -> None:
    await budget(org="one").throttle(0, 30.0, 0.1, AnswerStats())
    assert (await budget(org="two").reserve(ask())).held == 0


@pytest.mark.parametrize("rate_config", [by_hand(50.0), RateConfig(None, 10.0, 100.0)])
def test_a_learned_state_is_read_back(rate_config: RateConfig) -> None:
    learned = begin(rate_config)
    assert unpack_learned(pack_learned(learned)) == learned


def test_a_learned_state_of_another_version_is_ignored() -> None:
    known = pack_learned(begin(RateConfig(None, 10, 100)))
    assert unpack_learned(known.replace(f'"version":{VERSION}', f'"version":{VERSION + 1}')) is None
    assert unpack_learned(known.replace(f',"version":{VERSION}', "")) == unpack_learned(known)
    assert unpack_learned('{"phase": "of the moon"}') is None
    assert unpack_learned("") is None
