"""Whether a worker process that still runs still works: what a probe is told, and a supervisor acts on.

A process that waits for Redis is well: it holds answers that it will record, and ending it would lose them.
"""

from typing import Final

SILENCE: Final = 90.0
"""Seconds that Celery's consumer may be silent while Redis answers: it reconnects within 30 s."""


def consumer_is_stuck(now: float, heard: float, redis_since: float | None, *, stopping: bool) -> bool:
    """Whether Celery's consumer takes no more messages, although it could. Times are seconds of one clock.

    `heard`: when it last ticked. `redis_since`: since when Redis has answered without a break, None while it
    does not. A consumer that was told to stop is silent rightly.
    """
    return not stopping and redis_since is not None and now - max(heard, redis_since) > SILENCE
