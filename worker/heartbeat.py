"""The file whose age tells a probe whether a worker lives: HEARTBEAT_FILE.

`celery inspect ping` would start a Python and ask through Redis, which may be away while the worker is well.
A supervisor that looks at a file's age costs nothing, and asks this process alone.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from worker.core.errors import BadSettingError
from worker.periodic import PeriodicTask
from worker.settings import PREFIX

BEAT_SECONDS: Final = 1.0
FRESH_SECONDS: Final = 10.0
"""A file that is older belongs to a process that hangs or is gone. Probes allow more."""

log = structlog.get_logger(__name__)


class Health(NamedTuple):
    is_healthy: bool
    summary: str
    """What there is to know, for whoever reads the file."""


class Heartbeat:
    """Writes `file` each second from the running event loop, so a loop that hangs lets it grow old.

    `check` is asked each time: the loop may run while Celery's consumer, in another thread, does not.
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
    try:
        file.write_text(f"{summary}\n")
    except OSError as error:
        log.warning("cannot write the heartbeat, will try again", file=str(file), problem=error.strerror)


def prepare(file: Path) -> None:
    """Removes what an earlier process left there. Raises `BadSettingError` where no file could be."""
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise BadSettingError(f"{PREFIX}HEARTBEAT_FILE: cannot replace {file} ({error.strerror})") from error
    if not os.access(file.parent, os.W_OK | os.X_OK):
        raise BadSettingError(
            f"{PREFIX}HEARTBEAT_FILE: cannot write into {file.parent}: make that folder, or name another file"
        )


def all_fresh(files: Iterable[Path], now: float) -> bool:
    """Whether each file was touched of late. `now`: seconds since the epoch."""
    return all(_age(file, now) <= FRESH_SECONDS for file in files)


def _age(file: Path, now: float) -> float:
    try:
        return now - file.stat().st_mtime
    except FileNotFoundError:
        return float("inf")
