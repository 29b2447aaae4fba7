"""The learning, decision by decision."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.rate.learned import Evidence, Learned, RatePhase
from worker.core.rate.learning import apply_config, begin, next_decision_in, on_success, on_throttle
from worker.core.rate.rate_config import RateConfig
from worker.core.rate.tuning import CLOSE, LONGEST_TEST, LOOK, LOWEST, MARGIN, PRICE, TESTED, WAIT

AUTO = RateConfig(None, 10.0, 100.0)
BY_HAND = RateConfig(50.0, 10.0, 100.0)


def used(learned: Learned, seconds: float = LOOK) -> Evidence:
    """As much let through as the rate allows."""
    return Evidence(seconds, round(learned.rate * seconds) + 1)


def a_state(**fields: object) -> Learned:
    known = {"phase": RatePhase.STEADY, "rate": 49.5, "ceiling": 100.0, "low": 50.0, "high": 55.0}
    return msgspec.convert({**known, **fields}, Learned)


def test_a_rate_set_by_hand_is_believed_and_an_unknown_one_climbed_for() -> None:
    assert begin(BY_HAND) == Learned(RatePhase.STEADY, 50.0, 50.0, low=50.0, high=50.0, is_low_tested=True)
    assert begin(AUTO) == Learned(RatePhase.CLIMB, 10.0, 100.0)
    assert begin(RateConfig(None, 500.0, 100.0)).rate == 100.0


@pytest.mark.parametrize(
    ("rate_config", "label", "ceiling", "first"),
    [
        (AUTO, "auto", 100.0, 10.0),
        (BY_HAND, "50", 50.0, 50.0),
        (RateConfig(None, 500, 100), "auto", 100, 100),
    ],
)
def test_terms(rate_config: RateConfig, label: str, ceiling: float, first: float) -> None:
    assert (rate_config.label, rate_config.ceiling, rate_config.first) == (label, ceiling, first)


def test_a_climb_goes_to_the_ceiling_and_stays() -> None:
    learned = begin(AUTO)
    for _ in range(12):
        learned = on_success(learned, used(learned))
    assert (learned.phase, learned.rate) == (RatePhase.STEADY, 100.0)
    assert on_success(learned, used(learned, 10.0)).rate == 100.0


@pytest.mark.parametrize("learned", [begin(AUTO), a_state()])
def test_where_the_rate_is_not_the_limit_only_passed_requests_count(learned: Learned) -> None:
    """In no more time than it takes at the rate: an idle minute would make it look slow."""
    idle = on_success(learned, Evidence(10.0, 20))
    assert idle == msgspec.structs.replace(learned, passed=20.0, seconds=20 / learned.rate)


@given(st.sampled_from(RatePhase), st.floats(1, 1e4))
def test_an_idle_hour_changes_no_bound(phase: RatePhase, seconds: float) -> None:
    state = a_state(phase=phase)
    for _ in range(10):
        state = on_success(state, Evidence(seconds, 0))
    assert state == a_state(phase=phase)


def test_a_ramp_is_evidence_that_something_passed() -> None:
    """A refusal after it is none since which nothing passed, whoever looked in between."""
    state = a_state(phase=RatePhase.TEST, rate=10.0, low=5.0, high=20.0, strikes=4, held=2.0, seconds=2.0)
    ramp = on_success(state, Evidence(0.5, 1))
    met = on_throttle(ramp, Evidence(0.1, 0, 1), 0.5)
    assert met.strikes == 3
    assert met.low < 1.0


def test_requests_passed_before_the_last_429_was_known_keep_holds_from_growing() -> None:
    """At a high rate the one good answer comes after the 429s. It tells nothing of the rate since."""
    state = a_state(strikes=4, held=2.0, seconds=2.0)
    late = on_throttle(state, Evidence(0.1, 0, 1, late=1), 0.5)
    blocked = on_throttle(state, Evidence(0.1, 0, 1), 0.5)
    assert (late.strikes, blocked.strikes) == (3, 5)


@pytest.mark.parametrize("phase", list(RatePhase))
def test_three_429s_with_little_between_them_show_a_low_limit(phase: RatePhase) -> None:
    """What passed between them is what is allowed, whatever was believed."""
    state = a_state(phase=phase, rate=70.0, high=90.0, strikes=3, held=1.0, seconds=1.2)
    met = on_throttle(state, Evidence(0.1, 1, 1), 0.5)
    assert met.low < 1.0
    assert not met.is_low_tested


def test_a_slow_climb_goes_on_after_two_requests() -> None:
    slow = begin(RateConfig(None, 1.0, 100.0))
    assert next_decision_in(slow, 0.05) == pytest.approx(1.8)
    assert on_success(slow, Evidence(2.0, 2)).rate == pytest.approx(1.8)
    assert next_decision_in(begin(AUTO), 0.05) == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("rate", "hold", "low"), [(81.0, 0.1, 25.0), (8.1, 0.1, 2.5), (8.1, 1.0, 2.5), (81.0, 1.0, 40.5)]
)
def test_a_throttled_first_climb_is_searched_from_the_rate_two_steps_ago(
    rate: float, hold: float, low: float
) -> None:
    """But for a high rate and a long hold that was asked for."""
    learned = on_throttle(
        a_state(phase=RatePhase.CLIMB, rate=rate, low=0.0, high=0.0), Evidence(0.1, 8, 3), hold
    )
    assert (learned.phase, learned.high) == (RatePhase.TEST, rate)
    assert learned.low == pytest.approx(low)
    assert low < learned.rate < rate


def test_a_long_penalty_does_not_make_a_tested_rate_look_slow() -> None:
    """What passed since is no less than so much a second, less what one hold may have put into a bucket."""
    state = a_state(rate=50.0, low=50.0, high=52.0, is_low_tested=True, held=7.0, seconds=7.0)
    assert on_throttle(state, Evidence(8.0, 400, 1), 7.0).low >= 0.85 * 50.0


def test_one_late_answer_is_not_taken_for_a_rate_of_zero() -> None:
    """Refused often, and what passed was sent before the last refusal was known."""
    state = a_state(phase=RatePhase.TEST, rate=55.0, low=31.0, high=100.0, strikes=3, held=0.4, seconds=0.4)
    met = on_throttle(state, Evidence(0.2, 0, 1, late=1), 0.5)
    assert met.low == pytest.approx(1 / 0.6)


def test_a_test_that_passes_raises_the_bracket_until_it_is_closed() -> None:
    learned = a_state(phase=RatePhase.TEST, rate=56.0, low=40.0, high=80.0, wait=TESTED)
    assert on_success(learned, used(learned)).rate == 56.0
    tested = on_success(learned, used(learned, TESTED))
    assert (tested.low, tested.high) == (56.0, 80.0)
    closed = on_success(a_state(phase=RatePhase.TEST, rate=50.0, high=50.0 * CLOSE, wait=0.0), used(learned))
    assert (closed.phase, closed.rate) == (RatePhase.STEADY, MARGIN * 50.0)


def test_a_test_that_is_refused_lowers_the_bracket() -> None:
    state = a_state(phase=RatePhase.TEST, rate=60.0, low=40.0, high=80.0, seconds=1.0, passed=50.0)
    assert on_throttle(state, Evidence(0.1, 5, 1), 0.1).high <= 60.0
    few = on_throttle(msgspec.structs.replace(state, passed=2.0, seconds=0.1), Evidence(0.0, 1, 1), 0.1)
    assert few.high == 60.0
    over = on_throttle(msgspec.structs.replace(state, passed=30.0, seconds=1.0), Evidence(0.0, 0, 1), 0.1)
    assert over.low < 40.0


def test_requests_not_yet_reported_by_other_workers_lower_no_bound() -> None:
    """Soon after a refusal that is half of what passed: a guess of 200/s would end at 100/s."""
    state = a_state(
        phase=RatePhase.TEST, rate=300.0, low=200.0, high=400.0, ceiling=1000.0, held=0.06, seconds=0.06
    )
    met = on_throttle(state, Evidence(0.2, 24, 1), 0.1)
    assert met.low == 200.0
    assert 200.0 < met.high < 300.0


def test_a_steady_rate_climbs_when_its_time_has_come() -> None:
    waits = a_state(wait=2.0)
    assert on_success(waits, used(waits)).phase is RatePhase.STEADY
    climbs = on_success(waits, used(waits, 2.0))
    assert climbs.phase is RatePhase.CLIMB
    assert climbs.rate > waits.rate


def test_a_climb_that_a_burst_explains_returns_to_the_allowed_rate() -> None:
    state = a_state(phase=RatePhase.CLIMB, rate=60.0, seconds=10.0, passed=490.0)
    back = on_throttle(state, Evidence(0.0, 0, 1), 0.1)
    assert back.phase is RatePhase.STEADY
    assert 50.0 <= back.low <= 51.0
    raised = on_throttle(msgspec.structs.replace(state, passed=530.0), Evidence(0.0, 0, 1), 0.1)
    assert raised.low == pytest.approx(53.0)
    at_once = on_throttle(msgspec.structs.replace(state, rate=51.0), Evidence(0.0, 0, 1), 0.1)
    assert at_once.low == 50.0


def test_a_limit_that_rose_is_searched_for_anew() -> None:
    state = a_state(phase=RatePhase.CLIMB, rate=200.0, ceiling=1000.0, seconds=3.0, passed=300.0)
    met = on_throttle(state, Evidence(0.0, 0, 1), 0.1)
    assert (met.phase, met.low, met.high) == (RatePhase.TEST, 100.0, 200.0)


def test_a_throttled_steady_rate_falls_to_what_passed_and_is_searched_for_above() -> None:
    fallen = on_throttle(a_state(seconds=1.0, passed=20.0), Evidence(0.0, 0, 5), 0.1)
    assert (fallen.phase, fallen.is_low_tested) == (RatePhase.TEST, False)
    assert 15 <= fallen.low <= 25
    assert fallen.high == 49.5
    little = on_throttle(a_state(seconds=1.5, passed=60.0), Evidence(0.0, 0, 1), 0.1)
    assert 40 <= little.low < 45


def test_a_rare_429_of_a_steady_rate_changes_nothing_but_what_is_counted() -> None:
    """One in a hundred requests, and twenty times its hold after the last."""
    state = a_state(seconds=10.0, passed=480.0, wait=3.0)
    met = on_throttle(state, Evidence(0.0, 0, 1), 0.1)
    assert met == msgspec.structs.replace(state, seconds=0.1, passed=0.0, held=0.1, strikes=1)
    assert on_throttle(state, Evidence(0.0, 0, 1), 1.0).low < 50.0
    assert on_throttle(a_state(seconds=10.0, passed=90.0), Evidence(0.0, 0, 1), 0.1).low < 50.0


@pytest.mark.parametrize("phase", list(RatePhase))
def test_a_429_with_nothing_passed_before_it_says_nothing_about_the_rate(phase: RatePhase) -> None:
    state = a_state(phase=phase, strikes=1, held=0.1, seconds=0.1, high=60.0)
    blocked = on_throttle(state, Evidence(0.1, 0, 1), 0.2)
    assert blocked.phase == phase
    assert state.low * MARGIN <= blocked.rate <= 60.0
    assert blocked.strikes == 2
    assert blocked.held == pytest.approx(0.3)


def test_a_rate_refused_again_and_again_is_searched_for_below() -> None:
    """As where it was set by hand, far above the limit: each refusal tells a little."""
    state = begin(BY_HAND)
    rates = [state.rate]
    for _ in range(6):
        state = on_throttle(state, Evidence(0.1, 1, 1), 0.1)
        rates.append(state.rate)
    assert rates == sorted(rates, reverse=True)
    assert rates[1] > 0.9 * rates[0]
    assert rates[-1] < 0.35 * rates[0]


def test_a_low_that_was_tested_stands() -> None:
    """Less than it passed since: a bucket without burst had nothing to keep what was not used."""
    state = a_state(
        phase=RatePhase.TEST, rate=60.0, low=40.0, high=80.0, seconds=1.0, passed=30.0, is_low_tested=True
    )
    narrowed = on_throttle(state, Evidence(0.0, 1, 1), 0.1)
    assert (narrowed.low, narrowed.high) == (40.0, 60.0)


def test_a_long_hold_makes_the_test_after_it_longer() -> None:
    """A bucket filled up in it, and that has to be used up before a rate is known."""
    state = a_state(
        phase=RatePhase.TEST, rate=60.0, low=40.0, high=80.0, seconds=1.0, passed=30.0, is_low_tested=True
    )
    short, long = (on_throttle(state, Evidence(0.0, 1, 1), hold) for hold in (0.01, 2.0))
    assert short.wait == TESTED
    assert long.wait == LONGEST_TEST
    fallen = on_throttle(msgspec.structs.replace(state, peak=200.0), Evidence(0.0, 1, 1), 2.0)
    assert fallen.wait == TESTED


def test_strikes_end_once_enough_has_passed() -> None:
    assert on_success(a_state(strikes=3), Evidence(1.0, 50)).strikes == 0
    assert on_success(a_state(strikes=3, rate=1.0), Evidence(1.0, 1)).strikes == 3


def test_the_cost_of_a_429_puts_off_the_next_climb() -> None:
    climbed = a_state(phase=RatePhase.CLIMB, rate=55.0, seconds=10.0, passed=480.0)
    assert on_throttle(climbed, Evidence(0.0, 0, 1), 0.1).wait == WAIT
    assert on_throttle(climbed, Evidence(0.0, 0, 1), 2.0).wait == 2.0 * PRICE
    fallen = msgspec.structs.replace(climbed, peak=200.0, is_low_tested=True, rate=51.0)
    assert on_throttle(fallen, Evidence(0.0, 0, 1), 2.0).wait < WAIT


def test_each_step_of_a_climb_doubles_what_is_above_the_allowed_rate() -> None:
    state = a_state(low=100.0, rate=99.0, ceiling=1000.0)
    rates = []
    for _ in range(4):
        state = on_success(state, used(state))
        rates.append(round(state.rate))
    assert rates == [102, 106, 114, 130]


@pytest.mark.parametrize(
    ("learned", "rate_config", "rate"),
    [
        (a_state(), AUTO, 49.5),
        (a_state(), RateConfig(20.0, 10, 100), 20.0),
        (a_state(), RateConfig(None, 10, 1000), 49.5),
        (begin(BY_HAND), RateConfig(80.0, 10, 100), 80.0),
        (msgspec.structs.replace(begin(BY_HAND), rate=30.0), RateConfig(80.0, 10, 100), 30.0),
    ],
    ids=["the same", "lower", "learned further", "the setting alone held it", "refusals held it"],
)
def test_settings_that_changed(learned: Learned, rate_config: RateConfig, rate: float) -> None:
    assert apply_config(learned, rate_config).rate == rate


def test_a_decision_waits_for_the_answers_to_the_last_one() -> None:
    climbing = begin(AUTO)
    assert next_decision_in(climbing, 0.01) == pytest.approx(0.3)
    assert next_decision_in(climbing, 2.0) == 4.0
    assert next_decision_in(a_state(wait=0.5), 0.0) == 0.5
    assert next_decision_in(begin(BY_HAND), 0.0) == 1.0


evidence = st.builds(Evidence, st.floats(0, 10), st.integers(0, 2000), st.integers(1, 50), st.floats(0, 3))


@given(
    st.floats(0.1, 500),
    st.floats(0.1, 1000),
    st.lists(st.tuples(st.booleans(), evidence, st.floats(0.01, 5)), max_size=40),
)
def test_whatever_the_evidence_the_rate_stays_between_its_bounds(
    start: float, most: float, story: list[tuple[bool, Evidence, float]]
) -> None:
    learned = begin(RateConfig(None, start, most))
    for is_refusal, what, hold in story:
        learned = on_throttle(learned, what, hold) if is_refusal else on_success(learned, what)
        assert min(LOWEST, most) <= learned.rate <= most
        assert not learned.high or learned.low <= learned.high
        assert next_decision_in(learned, what.latency) > 0
        assert msgspec.json.decode(msgspec.json.encode(learned), type=Learned) == learned
