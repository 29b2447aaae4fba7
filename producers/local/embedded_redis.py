"""The embedded Redis of `run`, also for commands that read its jobs with --local."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from producers.local.children import Child
from worker.core.errors import NoSuchJobError
from worker.settings import PREFIX, Settings
from worker.store.location import StoreLocation

_FLAG = " --local"


class NoLocalJobsError(NoSuchJobError):
    """STATE_DIR has never held a job."""


@contextmanager
def embedded_redis(
    settings: Settings, environment: Mapping[str, str], *, needs_jobs: bool = False
) -> Iterator[tuple[Settings, StoreLocation]]:
    """Starts a server for this process alone; yields settings with its URL, and its name for messages.

    With `needs_jobs`, raises `NoLocalJobsError` where STATE_DIR holds no jobs. Raises `BadInputError`, naming
    the process, while another one uses the folder.
    """
    if needs_jobs:
        _require_jobs(settings.require_state_dir())
    with _server(settings, environment, []) as (server_settings, _):
        yield server_settings, _where(settings, at_work=True)


@contextmanager
def local_redis(settings: Settings) -> Iterator[tuple[Settings, StoreLocation]]:
    """Yields the server of a `run` under way; otherwise starts one for this command, without a worker.

    Raises `NoLocalJobsError`.
    """
    _require_jobs(settings.require_state_dir())
    with _server(settings, os.environ, ["--attach"]) as (server_settings, attached):
        yield server_settings, _where(settings, at_work=attached)


@contextmanager
def _server(
    settings: Settings, environment: Mapping[str, str], options: list[str]
) -> Iterator[tuple[Settings, bool]]:
    home = settings.require_state_dir()
    arguments = ["--dir", str(home / "redis"), *options]
    with Child("redis", arguments, environment, home / "redis-supervisor.log") as redis:
        ready = redis.wait_until_ready()
        yield settings.model_copy(update={"redis_url": str(ready["url"])}), bool(ready.get("attached"))


def _where(settings: Settings, *, at_work: bool) -> StoreLocation:
    return StoreLocation(f"{PREFIX}STATE_DIR ({settings.state_dir})", _FLAG, at_work)


def _require_jobs(home: Path) -> None:
    if not (home / "redis" / "appendonlydir").exists() and not (home / "redis" / "appendonly.aof").exists():
        raise NoLocalJobsError(
            f"no job of `run` is in {home}: set {PREFIX}STATE_DIR to where it ran, or leave out --local for"
            " jobs in REDIS_URL"
        )
