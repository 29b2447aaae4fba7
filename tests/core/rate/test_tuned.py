"""Half and double of the learner's numbers: what is tried, and that it is put back."""

import pytest

from tests.core.rate.benchmarked import cases
from tests.core.rate.tuned import changed, tuned
from worker.core.rate import tuning


@pytest.mark.parametrize(
    ("name", "half", "double"),
    [("PRICE", 20.0, 80.0), ("CLOSE", 1.02, 1.08), ("MARGIN", 0.995, 0.98), ("USED", 0.35, 1.0)],
)
def test_half_and_double(name: str, half: float, double: float) -> None:
    assert changed(name, 0.5) == pytest.approx(half)
    assert changed(name, 2.0) == pytest.approx(double)


def test_a_number_is_put_back() -> None:
    before = tuning.PRICE
    with tuned("PRICE", 1.0):
        assert tuning.PRICE == 1.0
    assert before == tuning.PRICE


def test_the_benchmarks_can_be_simulated() -> None:
    found = {name: run(1) for name, run in cases()}
    assert found["steps, none"][0] > 0.8
    assert all(0.5 < share <= 1.01 for share, _ in found.values())
