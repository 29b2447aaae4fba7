"""The picture of the learner's page shows what the learner does today."""

from pathlib import Path

from tests.core.rate.trace import draw, simulate
from worker.core.rate.learned import RatePhase

PICTURE = Path(__file__).parents[3] / ".github" / "images" / "rate-trace.svg"


def test_the_drawn_trace_is_what_is_simulated_today() -> None:
    """Else: `python -m tests.core.rate.trace > .github/images/rate-trace.svg`"""
    assert PICTURE.read_text(encoding="utf-8") == draw(simulate())


def test_every_phase_is_seen_in_it() -> None:
    assert {learned.phase for _, learned, _ in simulate().rates} == set(RatePhase)
