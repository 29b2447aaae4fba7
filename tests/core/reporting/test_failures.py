"""How the failures of a job are grouped for its report."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.reason import ID_PLACEHOLDER, Reason
from worker.core.reporting.failures import MAX_FAILURE_GROUPS, group_failures, parse_reason
from worker.core.reporting.schema import FailureGroup


def interned(name: str, status: int = 200, message: str = "") -> str:
    return f"{name}\0{status}\0{message}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("GONE\x00200\x00is gone", Reason("GONE", "is gone", 200), id="whole"),
        pytest.param("OTHER\x00200\x00", Reason("OTHER", "", 200), id="without its message"),
        pytest.param("LOST\x000\x00", Reason("LOST", "", 0), id="without an answer"),
        pytest.param("GONE\x00200\x00a\x00b", Reason("GONE", "a\x00b", 200), id="with NUL in the message"),
    ],
)
def test_an_interned_reason_is_read_back(text: str, reason: Reason) -> None:
    assert parse_reason(text) == reason


def test_no_failures_make_no_groups() -> None:
    assert group_failures({}, {}, {}) == []


def test_the_most_frequent_stands_first() -> None:
    reasons = {1: interned("FEW"), 2: interned("MANY", 503, f"{ID_PLACEHOLDER} is late")}
    assert group_failures(reasons, {1: 2, 2: 9}, {1: "a\nb", 2: "c"}) == [
        FailureGroup("MANY", "<id> is late", 9, 503, ["c"], retryable=True),
        FailureGroup("FEW", "", 2, 200, ["a", "b"], retryable=False),
    ]


def test_messages_of_one_name_and_status_are_one_group_with_the_most_frequent_message() -> None:
    reasons = {
        1: interned("GONE", 200, "gone 1"),
        2: interned("GONE", 200, "gone 2"),
        3: interned("GONE", 400),
    }
    assert group_failures(reasons, {1: 2, 2: 5, 3: 1}, {1: "a\nb", 2: "c\nd\ne\nf", 3: "g"}) == [
        FailureGroup("GONE", "gone 2", 7, 200, ["c", "d", "e", "f", "a"], retryable=False),
        FailureGroup("GONE", "", 1, 400, ["g"], retryable=False),
    ]


def test_a_group_grown_by_merging_moves_up() -> None:
    reasons = {1: interned("ONE"), 2: interned("TWO"), 3: interned("TWO", 200, "x")}
    groups = group_failures(reasons, {1: 5, 2: 4, 3: 3}, {})
    assert [(group.reason, group.count) for group in groups] == [("TWO", 7), ("ONE", 5)]


def test_a_group_without_samples_has_none() -> None:
    assert group_failures({1: interned("GONE")}, {1: 1}, {})[0].sample_ids == []


def test_past_fifty_groups_the_rest_are_summed_as_one() -> None:
    reasons = {number: interned(f"R{number}") for number in range(60)}
    reason_counts = {number: 100 - number for number in range(60)}
    samples = {number: f"id-{number}" for number in range(60)}
    groups = group_failures(reasons, reason_counts, samples)
    assert [group.reason for group in groups[:MAX_FAILURE_GROUPS]] == [f"R{number}" for number in range(50)]
    assert groups[MAX_FAILURE_GROUPS:] == [
        FailureGroup("OTHER", "10 further reasons", sum(range(41, 51)), 0, ["id-50"], retryable=False)
    ]


REASON = st.builds(
    interned, st.text("ABC", min_size=1, max_size=3), st.sampled_from([0, 200, 400]), st.text()
)


@given(st.dictionaries(st.integers(1, 5000), st.tuples(REASON, st.integers(1, 10**6)), max_size=90))
def test_grouping_loses_no_failure(stored: dict[int, tuple[str, int]]) -> None:
    reasons = {number: text for number, (text, _) in stored.items()}
    reason_counts = {number: count for number, (_, count) in stored.items()}
    groups = group_failures(reasons, reason_counts, {})
    assert sum(group.count for group in groups) == sum(reason_counts.values())
    assert len(groups) <= MAX_FAILURE_GROUPS + 1
    counts = [group.count for group in groups[:MAX_FAILURE_GROUPS]]
    assert counts == sorted(counts, reverse=True)
