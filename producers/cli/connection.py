"""The store that a command looks at: that of `REDIS_URL`, or with `--local` that of `run`."""

from collections.abc import Iterator
from contextlib import contextmanager

from producers.local.embedded_redis import local_redis
from producers.submission.connection import open_store
from worker.settings import Settings
from worker.store.jobs import JobStore


@contextmanager
def open_local_or_shared(settings: Settings, *, local: bool) -> Iterator[JobStore]:
    """Opens the store at `REDIS_URL`, or with `local` the one of `run` in STATE_DIR.

    Raises `RedisUnreachableError` for any failure of the connection, and `NoLocalJobsError`.
    """
    if not local:
        with open_store(settings) as store:
            yield store
        return
    with local_redis(settings) as (embedded, location), open_store(embedded, where=location) as store:
        yield store
