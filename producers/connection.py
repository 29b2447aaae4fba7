"""Opens the store and wakes workers, for commands."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

from producers.local.embedded_redis import local_redis
from worker.core.visible import visible
from worker.settings import Settings
from worker.store.connect import check_server, reachable, sync_client
from worker.store.jobs import JobStore, StoreLocation
from worker.store.steps import Ticket


@contextmanager
def open_store(
    settings: Settings, *, check: bool = False, local: bool = False, where: StoreLocation | None = None
) -> Iterator[JobStore]:
    """Opens the store at `REDIS_URL`, or with `local` the one of `run` in STATE_DIR.

    `check` first verifies that the server can hold jobs, and warns where it may lose them. `where` is what
    messages call the store. Raises `RedisUnreachableError` for any failure of the connection, and
    `NoLocalJobsError`.
    """
    if local:
        with (
            local_redis(settings) as (server_settings, location),
            open_store(server_settings, where=location) as store,
        ):
            yield store
        return
    url = settings.redis_url
    with sync_client(url) as client, reachable(url):
        if check:
            for warning in check_server(client, url):
                click.echo(f"Warning: {visible(warning)}", err=True)
        # Not PING: a Redis that cannot save refuses it, although reads work.
        client.time()
        yield JobStore(client, where or StoreLocation())


def wake_workers(
    settings: Settings, job_id: str, tickets: Sequence[Ticket], traceparent: str | None = None
) -> None:
    """Sends one message per ticket. The job is safe without them: a worker's sweep sends missing ones."""
    if not tickets:
        return
    # Importing Celery is slow, and most commands send nothing.
    from kombu.exceptions import OperationalError  # noqa: PLC0415

    from worker.queue import messages  # noqa: PLC0415

    try:
        with messages.make_app(settings) as app:
            messages.send(app, job_id, tickets, traceparent)
    except (OperationalError, OSError) as error:
        click.echo(
            f"Warning: job {job_id} is stored, but workers could not be woken ({type(error).__name__}):"
            " they find it by themselves within seconds of Redis' return",
            err=True,
        )
