"""Whether a worker process that runs does its work; probes and the supervisor act on it.

A process that waits for Redis is well: it holds answers that it will record, and ending it would lose them.
"""

from typing import Final

SILENCE: Final = 90.0
"""Seconds that Celery's consumer may be silent while Redis answers: it reconnects within 30 s."""


def consumer_is_stuck(now: float, ticked: float, redis_since: float | None, *, stopping: bool) -> bool:
    """Whether Celery's consumer takes no more messages, although it could. Times are seconds of one clock.

    `ticked`: when it last ticked. `redis_since`: since when Redis has answered without a break, None while it
    does not answer. A consumer that is `stopping` ticks no more.
    """
    return not stopping and redis_since is not None and now - max(ticked, redis_since) > SILENCE
