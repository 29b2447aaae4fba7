"""A worker is stuck where its consumer could hear and does not; not where Redis is away."""

import pytest

from worker.process.liveness import SILENCE, consumer_is_stuck

LONG = 10 * SILENCE


@pytest.mark.parametrize(
    ("heard", "redis_since", "stopping", "stuck"),
    [
        (LONG - 1, 0.0, False, False),
        (LONG - SILENCE, 0.0, False, False),
        (LONG - SILENCE - 1, 0.0, False, True),
        (0.0, None, False, False),
        (0.0, LONG - SILENCE, False, False),
        (0.0, LONG - SILENCE - 1, False, True),
        (0.0, 0.0, True, False),
    ],
    ids=[
        "just heard", "silent for as long as it may", "silent for longer", "Redis is away",
        "Redis came back of late", "Redis has been back for long", "told to stop",
    ],
)  # fmt: skip
def test_when_a_consumer_is_stuck(
    heard: float, redis_since: float | None, stopping: bool, stuck: bool
) -> None:
    assert consumer_is_stuck(LONG, heard, redis_since, stopping=stopping) is stuck
