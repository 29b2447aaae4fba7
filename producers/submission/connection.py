"""Opens the store at `REDIS_URL`."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from worker.core.visible import visible
from worker.settings import Settings
from worker.store.connect import check_server, reachable, sync_client
from worker.store.job_reader import StoreLocation
from worker.store.jobs import JobStore


@contextmanager
def open_store(
    settings: Settings, *, check: bool = False, where: StoreLocation | None = None
) -> Iterator[JobStore]:
    """Opens the store. Raises `RedisUnreachableError` for any failure of the connection.

    `check` first verifies that the server can hold jobs, and warns where it may lose them. `where` is what
    messages call the store.
    """
    url = settings.redis_url
    with sync_client(url) as client, reachable(url):
        if check:
            for warning in check_server(client, url):
                click.echo(f"Warning: {visible(warning)}", err=True)
        # Not PING: a Redis that cannot save refuses it, although reads work.
        client.time()
        yield JobStore(client, where or StoreLocation())
