"""The client that a command works with: over `REDIS_URL`, or with `--local` over the Redis of `run`."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from producers.client import Client
from producers.display.notices import warn
from producers.local.embedded_redis import local_redis
from producers.submission.session import open_session
from worker.settings import Settings
from worker.store.location import HERE


@contextmanager
def open_client(settings: Settings, *, local: bool = False) -> Iterator[Client]:
    """A client that shows its warnings. Raises `NoLocalJobsError` with `local`."""
    with ExitStack() as stack:
        where = HERE
        if local:
            settings, where = stack.enter_context(local_redis(settings))
        yield Client.over(stack.enter_context(open_session(settings, warn, where=where)))
