"""Touches HEARTBEAT_FILE, whose age tells a probe whether the worker is alive.

`celery inspect ping` starts a Python process and goes through Redis, which may be away while the worker is
healthy. Reading the age of a file costs nothing and concerns this process alone.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from worker.core.errors import BadSettingError
from worker.process.periodic import PeriodicTask
from worker.settings import PREFIX

BEAT_SECONDS: Final = 1.0
"""Seconds between two writes of the file."""
FRESH_SECONDS: Final = 10.0
"""Age in seconds from which a process counts as hanging or gone. Probes allow more."""

log = structlog.get_logger(__name__)


class Health(NamedTuple):
    """The result of a health check."""

    is_healthy: bool
    summary: str
    """One line that is written into the file."""


class Heartbeat:
    """Writes `file` every second from the running event loop, so it ages if the loop hangs.

    Calls `check` each time, and writes nothing while it reports a problem: the loop may run while Celery's
    consumer, in another thread, does not.
    """

    def __init__(self, file: Path, check: Callable[[], Health]) -> None:
        self._file = file
        self._check = check
        self._was_healthy = True
        self._task = PeriodicTask("the heartbeat", self._beat, BEAT_SECONDS)

    async def close(self) -> None:
        await self._task.close()
        self._file.unlink(missing_ok=True)

    async def _beat(self) -> None:
        health = self._check()
        if health.is_healthy:
            write(self._file, health.summary)
        elif self._was_healthy:
            log.error("no heartbeat is given until this mends", why=health.summary)
        self._was_healthy = health.is_healthy


def write(file: Path, summary: str) -> None:
    """Writes the heartbeat; an error is logged and raises nothing."""
    try:
        file.write_text(f"{summary}\n")
    except OSError as error:
        log.warning("cannot write the heartbeat, will try again", file=str(file), problem=error.strerror)


def prepare(file: Path) -> None:
    """Removes the file of an earlier process. Raises `BadSettingError` if no file can be written there."""
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise BadSettingError(f"{PREFIX}HEARTBEAT_FILE: cannot replace {file} ({error.strerror})") from error
    if not os.access(file.parent, os.W_OK | os.X_OK):
        raise BadSettingError(
            f"{PREFIX}HEARTBEAT_FILE: cannot write into {file.parent}: make that folder, or name another file"
        )


def all_fresh(files: Iterable[Path], now: float) -> bool:
    """Whether every file is at most `FRESH_SECONDS` old. `now`: seconds since the epoch."""
    return all(_age(file, now) <= FRESH_SECONDS for file in files)


def _age(file: Path, now: float) -> float:
    try:
        return now - file.stat().st_mtime
    except FileNotFoundError:
        return float("inf")
