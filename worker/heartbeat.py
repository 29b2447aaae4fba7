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
from worker.rounds import Rounds
from worker.settings import PREFIX

BEAT_SECONDS: Final = 1.0
FRESH_SECONDS: Final = 10.0
"""A file that is older belongs to a process that hangs or is gone. Probes allow more."""

log = structlog.get_logger(__name__)


class Vitals(NamedTuple):
    is_well: bool
    words: str
    """What there is to know, for whoever reads the file."""


class Heartbeat:
    """Writes `file` each second from the running event loop, so a loop that hangs lets it grow old.

    `look` is asked each time: the loop may run while Celery's consumer, in another thread, does not.
    """

    def __init__(self, file: Path, look: Callable[[], Vitals]) -> None:
        self._file = file
        self._look = look
        self._was_well = True
        self._rounds = Rounds("the heartbeat", self._beat, BEAT_SECONDS)

    async def close(self) -> None:
        await self._rounds.close()
        self._file.unlink(missing_ok=True)

    async def _beat(self) -> None:
        vitals = self._look()
        if vitals.is_well:
            beat(self._file, vitals.words)
        elif self._was_well:
            log.error("no heartbeat is given until this mends", why=vitals.words)
        self._was_well = vitals.is_well


def beat(file: Path, words: str) -> None:
    try:
        file.write_text(f"{words}\n")
    except OSError as error:
        log.warning("cannot write the heartbeat, will try again", file=str(file), problem=error.strerror)


def begin(file: Path) -> None:
    """Removes what an earlier process left there. Raises `BadSettingError` where no file could be."""
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise BadSettingError(f"{PREFIX}HEARTBEAT_FILE: cannot replace {file} ({error.strerror})") from error
    if not os.access(file.parent, os.W_OK | os.X_OK):
        raise BadSettingError(
            f"{PREFIX}HEARTBEAT_FILE: cannot write into {file.parent}: make that folder, or name another file"
        )


def all_beat(files: Iterable[Path], now: float) -> bool:
    """Whether each file was touched of late. `now`: seconds since the epoch."""
    return all(_age(file, now) <= FRESH_SECONDS for file in files)


def _age(file: Path, now: float) -> float:
    try:
        return now - file.stat().st_mtime
    except FileNotFoundError:
        return float("inf")
