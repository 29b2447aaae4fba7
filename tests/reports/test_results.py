"""Which rows of a job are asked for."""

import pytest

from worker.core.errors import BadInputError
from worker.core.outcome import Outcome
from worker.reports.results import parse_outcomes


def test_outcomes_are_named_or_refused() -> None:
    assert parse_outcomes("failed, unknown") == {Outcome.FAILED, Outcome.UNKNOWN}
    assert parse_outcomes(None) == frozenset()
    with pytest.raises(BadInputError, match="'lost' is none of"):
        parse_outcomes("failed,lost")
