"""The configuration: defaults, changes, refusals."""

from typing import Any

import pytest

from worker.simulator.config import BadConfigError, Config, configured
from worker.simulator.faults import NAMES
from worker.simulator.retry_after import retry_after


def test_nothing_given_is_the_defaults() -> None:
    assert configured({}) == Config()


def test_a_change_leaves_the_rest_and_the_faults_that_it_does_not_name() -> None:
    before = configured({"rate": 5, "faults": {"error": 0.1, "lose": 0.2}})
    after = configured({"latency": 3, "faults": {"error": 0}}, before)
    assert (after.rate, after.latency, after.faults) == (5, 3, {"error": 0, "lose": 0.2})


def test_every_fault_can_be_set() -> None:
    assert configured({"faults": dict.fromkeys(NAMES, 0.01)}).faults.keys() == NAMES


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"rate": -1}, "rate"),
        ({"rate": float("nan")}, "rate"),
        ({"rate": float("inf")}, "rate"),
        ({"burst": 0}, "burst"),
        ({"fail": 1.5}, "fail"),
        ({"fail": 0.6, "active": 0.5}, "fail, active and poison"),
        ({"faults": {"error": 2}}, "faults"),
        ({"faults": {"error": 0.6, "lose": 0.6}}, "the faults"),
        ({"faults": {"eror": 0.1}}, "eror"),
        ({"faults": 3}, "faults"),
        ({"retry_after": "1\r\nSet-Cookie: a=b"}, "retry_after"),
        ({"retry_after": "1\n"}, "retry_after"),
        ({"poison_status": 200}, "poison_status"),
        ({"token_lifetime": 0}, "token_lifetime"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_cannot_be_is_refused_by_name(values: dict[str, Any], named: str) -> None:
    with pytest.raises(BadConfigError, match=named):
        configured(values)


@pytest.mark.parametrize(
    ("choice", "wait", "expected"),
    [
        ("auto", 0.01, {"Retry-After": "1"}),
        ("auto", 1.0, {"Retry-After": "1"}),
        ("auto", 2.1, {"Retry-After": "3"}),
        ("none", 2.1, {}),
        ("date", 2.1, {"Retry-After": "Thu, 01 Jan 1970 00:00:03 GMT"}),
        ("0.5", 2.1, {"Retry-After": "0.5"}),
        ("soon", 2.1, {"Retry-After": "soon"}),
    ],
)
def test_retry_after_is_told_as_chosen(choice: str, wait: float, expected: dict[str, str]) -> None:
    assert retry_after(choice, wait, 0.0) == expected
